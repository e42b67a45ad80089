//! Faults that a process meets when it attaches: it counts in private memory then.

use std::env;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::process::Command;

use dataclay_metrics_core::segment;
use dataclay_metrics_tests::processes::{Directory, PROCESS, command, run, shown, value};

use crate::{FAILURES, PRIVATE};

/// Counts in a process that cannot attach.
fn is_private(command: &mut Command) {
    let text = shown(command);
    assert_eq!(value(&text, "hits_total"), Some(20.0), "{text}");
    assert_eq!(value(&text, FAILURES), Some(1.0), "{text}");
}

#[test]
fn each_failing_step_of_attaching_leaves_private_counts() {
    let directory = Directory::new("steps");
    let made = || {
        let _ = fs::remove_dir_all(&directory.0);
        let _ = fs::remove_file(&directory.0);
        assert_eq!(value(&run("count", &directory), FAILURES), Some(0.0));
        segment::list(&directory.0).expect("the directory").remove(0)
    };
    let private = || is_private(&mut command("count", &directory));
    // The directory: a file, a link, open to others.
    fs::write(&directory.0, "").expect("written");
    private();
    made();
    fs::set_permissions(&directory.0, Permissions::from_mode(0o777)).expect("changed");
    private();
    let real = Directory::new("steps-real");
    fs::create_dir(&real.0).expect("created");
    fs::remove_dir_all(&directory.0).expect("removed");
    symlink(&real.0, &directory.0).expect("linked");
    private();
    fs::remove_file(&directory.0).expect("removed");
    // The file: a folder, a link, open to others, cut, not a segment, of another file.
    let file = made();
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("created");
    private();
    fs::remove_dir(&file).expect("removed");
    symlink("/dev/null", &file).expect("linked");
    private();
    let file = made();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("changed");
    private();
    let file = made();
    File::options().write(true).open(&file).and_then(|file| file.set_len(5000)).expect("cut");
    private();
    for (offset, bytes) in [(0, [7; 8]), (8, [7; 8]), (24, [7; 8]), (40, [7; 8]), (48, [7; 8])] {
        let file = made();
        let file = File::options().write(true).open(&file).expect("opened");
        file.write_all_at(&bytes, offset).expect("written");
        private();
    }
    // Another user, which only root can try.
    if fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0) {
        let file = made();
        chown(&file, Some(1234), None).expect("changed");
        private();
        made();
        chown(&directory.0, Some(1234), None).expect("changed");
        private();
    }
    // Limits of the process, and a file system that waits for a disk.
    let limited = |limit: &str, directory: &Directory| {
        let mut shell = Command::new("sh");
        let program = env::current_exe().expect("this program");
        shell.arg("-c").arg(format!("{limit}; exec \"$0\" --exact {PROCESS} --nocapture"));
        shell.arg(program).env("SEGMENT_ROLE", "count").env("SEGMENT_DIRECTORY", &directory.0);
        is_private(&mut shell);
    };
    let _ = fs::remove_dir_all(&directory.0);
    limited("ulimit -f 1000", &directory);
    made();
    limited("ulimit -v 4000000", &directory);
    let disk = Directory(env!("CARGO_TARGET_TMPDIR").to_owned().into());
    let disk = Directory(disk.0.join("dataclay-metrics-test-disk"));
    limited("true", &disk);
    assert_eq!(value(&run("count", &directory), FAILURES), Some(0.0), "whole again");
}

/// Runs a role in a tmpfs of a size, which is mounted for it alone. `None` if this system lets
/// nobody do so.
fn in_tmpfs(size: &str, role: &str) -> Option<String> {
    let mount = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        shell.arg(format!("mount -t tmpfs -o size={size} none /mnt && {script}"));
        shell
    };
    let can_mount = mount("true").status().is_ok_and(|status| status.success());
    if !can_mount {
        println!("skipped: this system lets no user mount a tmpfs");
        return None;
    }
    let mut shell = mount(&format!("exec \"$0\" --exact {PROCESS} --nocapture"));
    shell.arg(env::current_exe().expect("this program"));
    Some(shown(shell.env("SEGMENT_ROLE", role).env("SEGMENT_DIRECTORY", "/mnt/metrics")))
}

#[test]
fn a_full_tmpfs_leaves_private_counts() {
    for size in ["4k", "8k", "16k", "24k", "32k"] {
        let Some(text) = in_tmpfs(size, "count") else { return };
        assert_eq!(value(&text, "hits_total"), Some(20.0), "{size}: {text}");
        let told = [FAILURES, PRIVATE].map(|series| value(&text, series).expect("there"));
        assert!(told.iter().sum::<f64>() <= 1.0, "{size}: {text}");
        assert!(size != "8k" || told[0] > 0.0, "{text}");
    }
    for size in ["128k", "256k"] {
        let Some(text) = in_tmpfs(size, "fill") else { return };
        assert_eq!(value(&text, FAILURES), Some(0.0), "{size}");
        assert!(value(&text, PRIVATE) > Some(0.0), "{size}");
    }
}

#[test]
fn a_process_that_never_counts_opens_and_maps_nothing() {
    run("idle", &Directory::new("idle"));
}

#[test]
fn a_file_of_an_older_layout_is_left_alone() {
    let directory = Directory::new("older");
    run("count", &directory);
    let file = segment::list(&directory.0).expect("the directory").remove(0);
    let old = File::options().read(true).write(true).open(&file).expect("opened");
    // Version 1 began in this way. Somebody has renamed it.
    old.write_all_at(b"dcmcount", 0).expect("written");
    let all = || {
        let mut bytes = vec![0; 1 << 16];
        old.read_exact_at(&mut bytes, 0).expect("read");
        (bytes, old.metadata().expect("there").blocks())
    };
    let before = all();
    is_private(&mut command("count", &directory));
    assert!(before == all(), "the file is untouched");
}

#[test]
fn another_version_has_another_file() {
    let directory = Directory::new("versions");
    run("count", &directory);
    let file = segment::list(&directory.0).expect("the directory").remove(0);
    let other = file.to_string_lossy().replace(".v2.", ".v1.");
    fs::rename(&file, &other).expect("renamed");
    let before = fs::metadata(&other).expect("there").modified().expect("a time");
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
    assert_eq!(segment::list(&directory.0).expect("the directory"), [file]);
    let after = fs::metadata(&other).expect("there").modified().expect("a time");
    assert_eq!(before, after, "the other file is untouched");
}
