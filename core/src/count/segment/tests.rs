//! Tests segments that several processes share. Each process is simulated: it opens the file
//! separately.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use crate::count::block::Slot;
use crate::count::segment::attached::Attached;
use crate::count::segment::attached::attach::attach;
use crate::count::segment::directory::NoWord;
use crate::count::segment::layout::{self, header, lock};
use crate::count::segment::reader::Segment;
use crate::count::segment::record::{Family, Identity, Merge, Wanted};
use crate::count::segment::source::Source;
use crate::count::segment::{file, gauges, index, names, sealed, system};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = format!("/dev/shm/dataclay-metrics-unit-{name}-{}", std::process::id());
        let _ = fs::remove_dir_all(&path);
        Folder(path.into())
    }

    fn attach(&self) -> &'static Attached {
        attach(&self.0, &identity()).expect("attached")
    }

    fn file(&self) -> PathBuf {
        self.0.join(names::name(&identity()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn identity() -> Identity {
    Identity { job: "job".into(), instance: "instance".into() }
}

fn wanted(name: &str, labels: &[u8]) -> Wanted {
    let family = Family { name: name.into(), definition: b"definition".to_vec() };
    let difference =
        |_: &_, other: &[u8]| Some(if other == b"definition" { "this" } else { "that" });
    Wanted { family, labels: labels.to_vec(), words: 1, merge: Merge::Count, difference }
}

fn gauge(name: &str) -> Wanted {
    Wanted { merge: Merge::Gauge(gauges::SUM), ..wanted(name, b"") }
}

/// Returns the byte at which the head for a series begins.
fn head(wanted: &Wanted) -> usize {
    8 * index::head_of(&wanted.family.name, &wanted.labels)
}

fn word(attached: &'static Attached, wanted: &Wanted) -> Slot {
    attached.resolve(wanted, |_| {}).expect("room").expect("no lock is held").first
}

fn sum(attached: &Attached, slot: Slot) -> u64 {
    let mut sums = [(0, 0.0)];
    attached.sums(&[slot], &mut sums);
    sums[0].0
}

#[test]
fn a_series_has_the_same_word_in_every_process() {
    let folder = Folder::new("words");
    let (one, two) = (folder.attach(), folder.attach());
    let (a, b) = (wanted("a", b"1"), wanted("a", b"2"));
    let words = [word(one, &a), word(two, &b), word(two, &a), word(one, &b)];
    assert_eq!(words, [0, 1, 0, 1].map(Slot));
    let mut other = wanted("a", b"3");
    other.family.definition = b"another".to_vec();
    assert_eq!(one.resolve(&other, |_| {}), Err(NoWord::OtherDefinition("this")));
    let claims = [one.claim().expect("a block"), two.claim().expect("a block")];
    for claim in &claims {
        assert!(claim.block.add(Slot(1), 5));
    }
    assert_eq!((sum(one, Slot(0)), sum(two, Slot(1))), (0, 10));
    assert_eq!(one.own_sum(Slot(1), || (0, 0.0)), (5, 0.0));
}

#[test]
fn a_block_is_handed_on_within_its_process_only() {
    let folder = Folder::new("blocks");
    let (one, two) = (folder.attach(), folder.attach());
    let slot = word(one, &wanted("a", b""));
    word(two, &wanted("a", b""));
    let claim = one.claim().expect("a block");
    let block: *const _ = claim.block;
    assert!(claim.block.add(slot, 1));
    drop(claim);
    let claim = one.claim().expect("the same");
    assert!(std::ptr::eq(block, claim.block) && claim.block.add(slot, 1));
    let other = two.claim().expect("another");
    assert!(other.block.add(slot, 1));
    assert_eq!(sum(two, slot), 3);
}

#[test]
fn processes_with_the_same_process_id_are_distinguished() {
    let folder = Folder::new("numbers");
    let all = [folder.attach(), folder.attach(), folder.attach()];
    let threads = all.map(|attached| [attached.claim(), attached.claim()]);
    assert!(threads.iter().flatten().all(Option::is_some));
    assert_eq!(Segment::open(&folder.file()).expect("a segment").processes(), 3);
}

#[test]
fn a_stopped_process_that_locks_the_directory_blocks_no_other() {
    let folder = Folder::new("stopped");
    let (one, two) = (folder.attach(), folder.attach());
    let known = wanted("known", b"");
    word(one, &known);
    let stopped = File::options().write(true).open(folder.file()).expect("the file");
    assert!(system::try_lock(&stopped, lock::DIRECTORY).expect("locked"));
    assert_eq!(word(two, &known), Slot(0), "an existing series needs no lock");
    assert_eq!(two.resolve(&wanted("new", b""), |_| {}), Ok(None));
    drop(stopped);
    assert_eq!(word(two, &wanted("new", b"")), Slot(1));
}

#[test]
fn processes_that_start_together_create_one_directory_and_one_file() {
    let folder = Folder::new("together");
    for round in 0..200 {
        let directory = folder.0.join(format!("{round}/nested"));
        let together = Barrier::new(4);
        let open = || {
            together.wait();
            let opened = file::open(&directory, &identity()).expect("one of them creates it");
            opened.file.metadata().expect("a file").ino()
        };
        thread::scope(|scope| {
            let all = [(); 4].map(|()| scope.spawn(open));
            let [first, others @ ..] = all.map(|thread| thread.join().expect("opened"));
            assert_eq!(others, [first; 3]);
        });
    }
}

#[test]
fn a_short_suspension_of_another_process_makes_no_count_private() {
    let folder = Folder::new("suspended");
    // Locks the directory, as a process does that is suspended while it creates the file or appends
    // a series.
    let suspended = || {
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(folder.file()).expect("the file");
        assert!(system::try_lock(&file, lock::DIRECTORY).expect("locked"));
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            drop(file);
        })
    };
    fs::DirBuilder::new().mode(0o700).create(&folder.0).expect("created");
    let creating = suspended();
    let attached = folder.attach();
    creating.join().expect("no panic");
    let appending = suspended();
    word(attached, &wanted("new", b""));
    appending.join().expect("no panic");
    // Another thread of the process is suspended.
    let own = attached.own.lock();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| word(attached, &wanted("newer", b"")));
        thread::sleep(Duration::from_millis(300));
        drop(own);
        assert_eq!(waiting.join().expect("no panic"), Slot(1));
    });
}

#[test]
fn a_signal_handler_does_not_wait_for_its_thread() {
    let folder = Folder::new("interrupted");
    let attached = folder.attach();
    // This thread holds the lock, as if a signal interrupted it and the handler counts.
    let own = attached.own.lock();
    assert_eq!(attached.resolve(&wanted("new", b""), |_| {}), Ok(None));
    assert!(!attached.patience.is_over(), "it has not waited");
    drop(own);
}

#[test]
fn damage_to_any_byte_loses_at_most_its_record() {
    let folder = Folder::new("damage");
    let attached = folder.attach();
    let all = [wanted("a", b"1"), wanted("a", b"2"), wanted("b", b"")];
    for wanted in &all {
        let slot = word(attached, wanted);
        let block = attached.process_block().expect("claimed");
        block.add_shared(slot, 7);
    }
    word(attached, &gauge("level"));
    let file = File::options().read(true).write(true).open(folder.file()).expect("the file");
    let directory = layout::DIRECTORY * 8;
    let (blocks, rows) = (layout::block_header(0), layout::block(0));
    let heads = all.iter().map(head).chain([header::LAST_GAUGE * 8]);
    let offsets = (0..64).chain(heads.flat_map(|head| head..head + 8));
    let offsets = offsets.chain(directory..directory + 600).chain(blocks..blocks + 16);
    // Only the words of the flag for fractions, without any count.
    for offset in offsets.chain(rows..rows + 16) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset as u64).expect("read");
        for damage in [1, 0x80, 0xff] {
            file.write_all_at(&[byte[0] ^ damage], offset as u64).expect("written");
            // A reader opens the file, another process opens it to count, and an attached process
            // reads and counts.
            if let Ok(reader) = Segment::open(&folder.file()) {
                let series = reader.series();
                let slots: Vec<_> = series.iter().map(|seen| Slot(seen.series.first)).collect();
                let mut sums = vec![(0, 0.0); slots.len()];
                reader.sums(&slots, &mut sums);
                assert!(series.len() <= 4, "{offset}");
                assert!(sums.iter().all(|sum| [(0, 0.0), (7, 0.0)].contains(sum)), "{offset}");
            }
            if let Ok(opened) = file::open(&folder.0, &identity()) {
                let gauges = index::gauges(&opened.mapping);
                assert!(gauges.is_none_or(|gauges| gauges.len() == 1), "{offset}");
                for (at, wanted) in (0..).zip(&all) {
                    let found = index::find(&opened.mapping, wanted);
                    assert!(found.is_none_or(|found| found.first == at), "{offset}");
                }
            }
            for (at, wanted) in (0..).zip(&all) {
                if let Ok(Some(words)) = attached.resolve(wanted, |_| {}) {
                    assert_eq!(words.first, Slot(at));
                }
                assert!([0, 7].contains(&sum(attached, Slot(at))), "{offset}");
            }
            assert_eq!(attached.series().len(), 4);
        }
        file.write_all_at(&byte, offset as u64).expect("written");
    }
    assert_eq!(sum(attached, Slot(2)), 7);
    assert_eq!(Segment::open(&folder.file()).expect("no damage").series().len(), 4);
}

#[test]
fn a_process_does_not_attach_to_a_damaged_directory() {
    let folder = Folder::new("damaged");
    word(folder.attach(), &wanted("a", b""));
    let file = File::options().write(true).open(folder.file()).expect("the file");
    // The damaged word is in the record of the identity, which is the first.
    file.write_all_at(&[0xff], layout::DIRECTORY as u64 * 8 + 20).expect("written");
    assert!(attach(&folder.0, &identity()).is_err());
}

#[test]
fn the_index_finds_every_series_and_every_gauge() {
    let folder = Folder::new("index");
    let attached = folder.attach();
    // More series than heads, so that most heads have several.
    let counters = (0..layout::HEADS * 2).map(|number| wanted("a", &number.to_le_bytes()));
    let counters: Vec<Wanted> = counters.collect();
    for (at, wanted) in (0..).map(Slot).zip(&counters) {
        assert_eq!(word(attached, wanted), at);
    }
    let names = ["x", "y", "z"];
    let gauges = names.map(|name| word(attached, &gauge(name)).0);
    let mapping = file::open(&folder.0, &identity()).expect("opened").mapping;
    for (at, wanted) in (0..).zip(&counters) {
        assert_eq!(index::find(&mapping, wanted).expect("found").first, at);
    }
    let mut found = index::gauges(&mapping).expect("found");
    found.reverse();
    assert!(found.iter().map(|series| series.first).eq(gauges));
    // Neither exists.
    assert_eq!(index::find(&mapping, &wanted("a", b"other")), None);
    assert_eq!(index::find(&mapping, &wanted("x", b"")), None, "a gauge");
}

#[test]
fn a_series_is_found_if_its_process_was_killed_while_it_appended() {
    let folder = Folder::new("append");
    let (counter, level) = (wanted("a", b""), gauge("level"));
    word(folder.attach(), &counter);
    let mapping = file::open(&folder.0, &identity()).expect("opened").mapping;
    let words = mapping.words();
    let unlink = |wanted: &Wanted| sealed::store(&words[head(wanted) / 8], 0);
    unlink(&counter);
    assert_eq!(index::find(&mapping, &counter), None);
    assert_eq!(word(folder.attach(), &counter), Slot(0), "found in the directory");
    // The next append repairs the index.
    assert_eq!(word(folder.attach(), &level), Slot(1));
    assert!(index::find(&mapping, &counter).is_some());
    unlink(&level);
    sealed::store(&words[header::LAST_GAUGE], 0);
    assert_eq!(word(folder.attach(), &wanted("b", b"")), Slot(2));
    assert!(index::find(&mapping, &level).is_some());
    assert_eq!(index::gauges(&mapping).expect("whole").len(), 1);
}
