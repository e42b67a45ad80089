//! Faults that a process meets after it has attached.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;

use dataclay_metrics_core::segment::{self, Reader};
use dataclay_metrics_core::{Collector, encode};
use dataclay_metrics_tests::processes::{Directory, command, run, value};
use dataclay_metrics_tests::wait_for;

use crate::FAILURES;

fn reader(directory: &Directory) -> Reader {
    let files = segment::list(&directory.0).expect("the directory");
    assert_eq!(files.len(), 1, "{files:?}");
    Reader::open(&files[0]).expect("a segment")
}

fn text(directory: &Directory) -> String {
    encode::text(&reader(directory).collect())
}

#[test]
fn a_child_keeps_no_lock_of_its_parent() {
    let directory = Directory::new("parent");
    let mut parent = command("wait", &directory).spawn().expect("started");
    let lines = BufReader::new(parent.stdout.take().expect("its output")).lines();
    let child = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("<<<")?.1.split_once(">>>")?.0.parse::<i32>().ok());
    let child = child.expect("the child's number");
    let before = text(&directory);
    assert_eq!((value(&before, "hits_total"), value(&before, "level")), (Some(1.0), Some(3.0)));
    assert_eq!(reader(&directory).processes(), 1);
    parent.kill().expect("killed");
    parent.wait().expect("ended");
    // A child that has just started may not have closed the descriptor yet.
    wait_for("the end of the gauge", || value(&text(&directory), "level").is_none());
    assert_eq!(value(&text(&directory), "hits_total"), Some(1.0));
    assert_eq!(reader(&directory).processes(), 0);
    // SAFETY: the child of the process that this test has started.
    unsafe { libc::kill(child, libc::SIGKILL) };
}

#[test]
fn a_stopped_process_keeps_its_counts() {
    let directory = Directory::new("stopped");
    let mut stopped = command("wait", &directory).process_group(0).spawn().expect("started");
    let group = i32::try_from(stopped.id()).expect("a pid");
    wait_for("a count", || {
        let files = segment::list(&directory.0).unwrap_or_default();
        let opened = files.first().and_then(|file| Reader::open(file).ok());
        opened.is_some_and(|reader| {
            let text = encode::text(&reader.collect());
            value(&text, "hits_total") == Some(1.0) && value(&text, "level") == Some(3.0)
        })
    });
    // SAFETY: the group of the process that this test has started.
    unsafe { libc::kill(-group, libc::SIGSTOP) };
    let counted = run("count", &directory);
    assert_eq!((value(&counted, "hits_total"), value(&counted, "level")), (Some(21.0), Some(3.0)));
    // SAFETY: as above.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    stopped.wait().expect("ended");
    assert_eq!(value(&text(&directory), "hits_total"), Some(21.0));
}

#[test]
fn counts_wait_in_private_memory_while_all_blocks_are_in_use() {
    let directory = Directory::new("crowd");
    let sums = |text: &str| ["hits_total", "times_seconds_count"].map(|series| value(text, series));
    let free_again = run("crowd", &directory);
    assert_eq!(sums(&free_again), [Some(11.0), Some(2.0)], "{free_again}");
    assert_eq!(sums(&text(&directory)), [Some(21.0), Some(3.0)]);
}

#[test]
fn an_application_may_close_every_descriptor() {
    let directory = Directory::new("closed");
    run("close", &directory);
}

#[test]
fn a_deleted_file_is_logged_and_the_next_process_makes_another() {
    let directory = Directory::new("deleted");
    let deleted = run("unlink", &directory);
    assert_eq!(value(&deleted, "hits_total"), Some(2.0), "{deleted}");
    assert_eq!(value(&deleted, FAILURES), Some(1.0), "{deleted}");
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
}

#[test]
fn a_registry_without_other_collectors_notices_a_deleted_file() {
    let deleted = run("unlink alone", &Directory::new("deleted-alone"));
    assert_eq!(value(&deleted, FAILURES), Some(1.0), "{deleted}");
}

#[test]
fn a_moved_file_is_noticed_when_another_process_has_made_its_successor() {
    let moved = run("replace", &Directory::new("replaced"));
    assert_eq!(value(&moved, "hits_total"), Some(1.0), "{moved}");
    assert_eq!(value(&moved, FAILURES), Some(1.0), "{moved}");
}

#[test]
fn a_new_owner_takes_no_gauge_over_when_the_index_is_damaged() {
    let directory = Directory::new("gauges");
    let mut killed = command("wait", &directory).process_group(0).spawn().expect("started");
    let group = i32::try_from(killed.id()).expect("a pid");
    let level = || {
        let files = segment::list(&directory.0).unwrap_or_default();
        let reader = files.first().and_then(|file| Reader::open(file).ok())?;
        value(&encode::text(&reader.collect()), "level")
    };
    wait_for("the gauge", || level() == Some(3.0));
    // SAFETY: the group of the process that this test has started.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    killed.wait().expect("ended");
    wait_for("the end of its child", || level().is_none());
    // The word that leads to the last gauge.
    let file = File::options().write(true).open(reader(&directory).path()).expect("opened");
    file.write_all_at(&[7; 8], 96).expect("written");
    let counted = run("count", &directory);
    assert_eq!((value(&counted, "hits_total"), value(&counted, "level")), (Some(21.0), None));
}

#[test]
fn a_removed_child_is_hidden_and_its_successor_reads_zero() {
    let directory = Directory::new("removed");
    let text = run("remove", &directory);
    assert_eq!(value(&text, "codes_total{code=\"a\"}"), Some(6.0), "{text}");
}
