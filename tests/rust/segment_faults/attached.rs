//! Faults that occur after a process has attached.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;

use dataclay_metrics_tests::processes::{Directory, command, run, value};
use dataclay_metrics_tests::wait_for;

use crate::FAILURES;

#[test]
fn a_forked_child_holds_no_lock_of_its_parent() {
    let directory = Directory::new("parent");
    let mut parent = command("wait", &directory).spawn().expect("started");
    let lines = BufReader::new(parent.stdout.take().expect("its output")).lines();
    let child = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("<<<")?.1.split_once(">>>")?.0.parse::<i32>().ok());
    let child = child.expect("the process id of the child");
    let before = directory.text();
    assert_eq!((value(&before, "hits_total"), value(&before, "level")), (Some(1.0), Some(3.0)));
    assert_eq!(directory.reader().processes(), 1);
    parent.kill().expect("killed");
    parent.wait().expect("ended");
    // A child that has just started may not have closed the descriptor yet.
    wait_for("the end of the gauge", || value(&directory.text(), "level").is_none());
    assert_eq!(value(&directory.text(), "hits_total"), Some(1.0));
    assert_eq!(directory.reader().processes(), 0);
    // SAFETY: takes plain numbers. The process is the child of a process of this test.
    unsafe { libc::kill(child, libc::SIGKILL) };
}

#[test]
fn counts_of_a_stopped_process_are_read() {
    let directory = Directory::new("stopped");
    let mut stopped = command("wait", &directory).process_group(0).spawn().expect("started");
    let group = i32::try_from(stopped.id()).expect("a pid");
    wait_for("a count", || {
        let text = directory.text_if_created();
        value(&text, "hits_total") == Some(1.0) && value(&text, "level") == Some(3.0)
    });
    // SAFETY: takes plain numbers. The group is that of a process of this test.
    unsafe { libc::kill(-group, libc::SIGSTOP) };
    let counted = run("count", &directory);
    assert_eq!((value(&counted, "hits_total"), value(&counted, "level")), (Some(21.0), Some(3.0)));
    // SAFETY: as above.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    stopped.wait().expect("ended");
    assert_eq!(value(&directory.text(), "hits_total"), Some(21.0));
}

#[test]
fn counts_stay_in_private_memory_while_all_blocks_are_in_use() {
    let directory = Directory::new("no-free-block");
    let sums = |text: &str| ["hits_total", "times_seconds_count"].map(|series| value(text, series));
    let free_again = run("no free block", &directory);
    assert_eq!(sums(&free_again), [Some(11.0), Some(2.0)], "{free_again}");
    assert_eq!(sums(&directory.text()), [Some(21.0), Some(3.0)]);
}

#[test]
fn a_process_that_closes_every_descriptor_loses_no_count() {
    let directory = Directory::new("closed");
    run("close", &directory);
}

#[test]
fn a_deleted_file_is_a_failure_and_the_next_process_creates_another() {
    let directory = Directory::new("deleted");
    let deleted = run("unlink", &directory);
    assert_eq!(value(&deleted, "hits_total"), Some(2.0), "{deleted}");
    assert_eq!(value(&deleted, FAILURES), Some(1.0), "{deleted}");
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
}

#[test]
fn a_registry_with_siblings_alone_detects_a_deleted_file() {
    let deleted = run("unlink alone", &Directory::new("deleted-alone"));
    assert_eq!(value(&deleted, FAILURES), Some(1.0), "{deleted}");
}

#[test]
fn a_moved_file_is_detected_after_another_process_has_replaced_it() {
    let moved = run("replace", &Directory::new("replaced"));
    assert_eq!(value(&moved, "hits_total"), Some(1.0), "{moved}");
    assert_eq!(value(&moved, FAILURES), Some(1.0), "{moved}");
}

#[test]
fn a_gauge_of_a_killed_process_stays_hidden_if_the_index_is_damaged() {
    let directory = Directory::new("gauges");
    let mut killed = command("wait", &directory).process_group(0).spawn().expect("started");
    let group = i32::try_from(killed.id()).expect("a pid");
    let level = || value(&directory.text_if_created(), "level");
    wait_for("the gauge", || level() == Some(3.0));
    // SAFETY: takes plain numbers. The group is that of a process of this test.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    killed.wait().expect("ended");
    // Its forked child may still be ending.
    wait_for("the end of the gauge", || level().is_none());
    // The word of the index that refers to the last gauge.
    let file = File::options().write(true).open(directory.reader().path()).expect("opened");
    file.write_all_at(&[7; 8], 96).expect("written");
    let counted = run("count", &directory);
    assert_eq!((value(&counted, "hits_total"), value(&counted, "level")), (Some(21.0), None));
}

#[test]
fn a_removed_child_is_hidden_and_its_successor_starts_at_zero() {
    let directory = Directory::new("removed");
    let text = run("remove", &directory);
    assert_eq!(value(&text, "codes_total{code=\"a\"}"), Some(6.0), "{text}");
}
