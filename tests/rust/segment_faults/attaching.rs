//! Faults that occur while a process attaches. The process then counts in private memory.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use dataclay_metrics_core::segment;
use dataclay_metrics_tests::processes::{
    Directory, EXEC, command, program, run, run_command, set_role, value,
};
use dataclay_metrics_tests::report_skipped;

use crate::{FAILURES, PRIVATE};

/// Runs a process that cannot attach, and checks that it counts in private memory.
fn assert_private(command: &mut Command) {
    let text = run_command(command);
    assert_eq!(value(&text, "hits_total"), Some(20.0), "{text}");
    assert_eq!(value(&text, FAILURES), Some(1.0), "{text}");
}

#[test]
fn a_process_that_cannot_attach_counts_in_private_memory() {
    let directory = Directory::new("steps");
    let create = || {
        directory.remove();
        // An error means that it is not a file.
        let _ = fs::remove_file(&directory.0);
        assert_eq!(value(&run("count", &directory), FAILURES), Some(0.0));
        segment::list(&directory.0).expect("the directory").remove(0)
    };
    let assert_is_private = || assert_private(&mut command("count", &directory));
    // The path is a file; the directory is open to others; the path is a link.
    fs::write(&directory.0, "").expect("written");
    assert_is_private();
    create();
    fs::set_permissions(&directory.0, Permissions::from_mode(0o777)).expect("changed");
    assert_is_private();
    let real = Directory::new("steps-real");
    fs::create_dir(&real.0).expect("created");
    fs::remove_dir_all(&directory.0).expect("removed");
    symlink(&real.0, &directory.0).expect("linked");
    assert_is_private();
    fs::remove_file(&directory.0).expect("removed");
    // The path of the file is a directory or a link. The file is open to others, truncated or
    // damaged.
    let file = create();
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("created");
    assert_is_private();
    fs::remove_dir(&file).expect("removed");
    symlink("/dev/null", &file).expect("linked");
    assert_is_private();
    let file = create();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("changed");
    assert_is_private();
    let file = create();
    File::options().write(true).open(&file).and_then(|file| file.set_len(5000)).expect("cut");
    assert_is_private();
    for (offset, bytes) in [(0, [7; 8]), (8, [7; 8]), (24, [7; 8]), (40, [7; 8]), (48, [7; 8])] {
        let file = create();
        let file = File::options().write(true).open(&file).expect("opened");
        file.write_all_at(&bytes, offset).expect("written");
        assert_is_private();
    }
    // The file or the directory belongs to another user.
    let is_root = fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0);
    if is_root {
        let file = create();
        chown(&file, Some(1234), None).expect("changed");
        assert_is_private();
        create();
        chown(&directory.0, Some(1234), None).expect("changed");
        assert_is_private();
    } else {
        report_skipped(
            "a_process_that_cannot_attach_counts_in_private_memory (other user)",
            "needs root",
        );
    }
    // The process has limits, or the file system is on a disk.
    let limited = |limit: &str, directory: &Directory| {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{limit}; {EXEC}")).arg(program());
        assert_private(set_role(&mut shell, "count", &directory.0));
    };
    directory.remove();
    limited("ulimit -f 1000", &directory);
    create();
    limited("ulimit -v 4000000", &directory);
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dataclay-metrics-test-disk");
    let disk = Directory(disk);
    limited("true", &disk);
    assert_eq!(value(&run("count", &directory), FAILURES), Some(0.0), "no fault is left");
}

/// Runs a role in a private tmpfs of this size. Returns `None` if this user cannot mount one.
fn run_in_tmpfs(size: &str, role: &str) -> Option<String> {
    let mount = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        shell.arg(format!("mount -t tmpfs -o size={size} none /mnt && {script}"));
        shell
    };
    let can_mount = mount("true").status().is_ok_and(|status| status.success());
    if !can_mount {
        let test = "a_process_counts_in_private_memory_if_tmpfs_is_full";
        report_skipped(test, "this user cannot mount a tmpfs");
        return None;
    }
    let mut shell = mount(EXEC);
    shell.arg(program());
    Some(run_command(set_role(&mut shell, role, "/mnt/metrics")))
}

#[test]
fn a_process_counts_in_private_memory_if_tmpfs_is_full() {
    for size in ["4k", "8k", "16k", "24k", "32k"] {
        let Some(text) = run_in_tmpfs(size, "count") else { return };
        assert_eq!(value(&text, "hits_total"), Some(20.0), "{size}: {text}");
        let [failures, private] =
            [FAILURES, PRIVATE].map(|series| value(&text, series).expect("exposed"));
        assert!(failures + private <= 1.0, "{size}: {text}");
        assert!(size != "8k" || failures > 0.0, "{text}");
    }
    for size in ["128k", "256k"] {
        let Some(text) = run_in_tmpfs(size, "fill") else { return };
        assert_eq!(value(&text, FAILURES), Some(0.0), "{size}");
        assert!(value(&text, PRIVATE) > Some(0.0), "{size}");
    }
}

#[test]
fn a_process_that_never_counts_opens_and_maps_no_file() {
    run("idle", &Directory::new("idle"));
}

#[test]
fn a_file_with_an_older_layout_is_not_changed() {
    let directory = Directory::new("older");
    run("count", &directory);
    let file = segment::list(&directory.0).expect("the directory").remove(0);
    let old = File::options().read(true).write(true).open(&file).expect("opened");
    // A file of version 1 begins with these bytes. Its name is that of the current version.
    old.write_all_at(b"dcmcount", 0).expect("written");
    let state = || {
        let mut bytes = vec![0; 1 << 16];
        old.read_exact_at(&mut bytes, 0).expect("read");
        (bytes, old.metadata().expect("a file").blocks())
    };
    let before = state();
    assert_private(&mut command("count", &directory));
    assert!(before == state(), "the file is untouched");
}

#[test]
fn each_version_of_the_layout_has_a_separate_file() {
    let directory = Directory::new("versions");
    run("count", &directory);
    let file = segment::list(&directory.0).expect("the directory").remove(0);
    let other = file.to_string_lossy().replace(".v2.", ".v1.");
    fs::rename(&file, &other).expect("renamed");
    let before = fs::metadata(&other).expect("a file").modified().expect("a time");
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
    assert_eq!(segment::list(&directory.0).expect("the directory"), [file]);
    let after = fs::metadata(&other).expect("a file").modified().expect("a time");
    assert_eq!(before, after, "the other file is untouched");
}
