use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::count::created;
use crate::encode::{Encoding, Options};
use crate::metrics::counter::Counter;
use crate::metrics::gauge::Gauge;
use crate::registry::Registry;

fn family(max_children: usize) -> Family<Counter> {
    let opts = Opts::new("f", "help").max_children(max_children);
    Family::with_opts(opts, ["a", "b"]).expect("valid names")
}

#[test]
fn a_child_has_one_value_for_each_label() {
    let family = family(9);
    let error = |values: &[&str]| family.with_labels(values).expect_err("refused").to_string();
    assert_eq!(error(&["x"]), "label \"b\": has no value; a child has one for each label");
    assert_eq!(error(&[]), "label \"a\": has no value; a child has one for each label");
    assert_eq!(error(&["x", "y", "z"]), "label \"z\": is a value without a label");
    assert!(family.is_empty());
    family.with_labels(["", "x"]).expect("room");
    assert!(!family.remove(["x"]));
    assert!(family.remove(["", "x"]));
    for names in [["a", "a"], ["a", "__b"], ["a", ""]] {
        assert!(Family::<Gauge>::new("f", "", names).is_err(), "{names:?}");
    }
}

#[test]
fn label_values_that_concatenate_equally_have_different_children() {
    let family = family(9);
    for (at, values) in (1..).zip([["x", "yz"], ["xy", "z"], ["", "xyz"], ["xyz", ""]]) {
        family.with_labels(values).expect("room").inc_by(at);
    }
    for (at, values) in (1..).zip([["x", "yz"], ["xy", "z"], ["", "xyz"], ["xyz", ""]]) {
        assert_eq!(family.with_labels(values).expect("room").get(), at);
    }
}

#[test]
fn a_full_family_counts_in_its_overflow_child() {
    let family = family(2);
    let overflows = || LABEL_OVERFLOWS.total();
    let before = overflows();
    for value in ["1", "2", "3", "4", "1"] {
        family.with_labels([value, ""]).expect("room").inc();
    }
    assert_eq!(family.len(), 3);
    let overflow = family.with_labels([OVERFLOW, OVERFLOW]).expect("room");
    assert_eq!(overflow.get(), 2);
    assert_eq!(family.with_labels(["1", ""]).expect("room").get(), 2);
    assert_eq!(overflows() - before, 2);
    assert!(family.remove(["1", ""]));
    family.with_labels(["3", ""]).expect("room").inc();
    assert_eq!(family.with_labels(["3", ""]).expect("room").get(), 1);
    family.with_labels(["4", ""]).expect("room").inc();
    assert_eq!((family.len(), overflow.get(), overflows() - before), (3, 3, 3));
    assert!(family.remove([OVERFLOW, OVERFLOW]) && family.remove(["3", ""]));
    family.with_labels(["4", ""]).expect("room").inc();
    assert_eq!(family.with_labels(["4", ""]).expect("room").get(), 1);
}

#[test]
fn a_removed_child_still_counts_and_its_successor_starts_at_zero() {
    let family = family(9);
    let all = ["1", "2", "3", "4"];
    let held = all.map(|value| family.with_labels([value, ""]).expect("room"));
    held.iter().for_each(Counter::inc);
    assert!(family.remove(["2", ""]));
    assert!(!family.remove(["2", ""]));
    held.iter().for_each(Counter::inc);
    assert_eq!(held[1].get(), 2);
    let values = all.map(|value| family.with_labels([value, ""]).expect("room").get());
    assert_eq!(values, [2, 0, 2, 2]);
    family.clear();
    assert!(family.is_empty() && family.collect()[0].samples.is_empty());
    assert_eq!(family.with_labels(["1", ""]).expect("room").get(), 0);
}

/// A label value that runs code of the application each time a look-up reads it.
struct Runs<'a>(&'a dyn Fn(), &'a str);

impl AsRef<str> for Runs<'_> {
    fn as_ref(&self) -> &str {
        self.0();
        self.1
    }
}

#[test]
fn a_label_value_may_use_another_family_or_panic() {
    let (family, other) = (family(9), family(9));
    let running = |code: &dyn Fn()| family.with_labels([Runs(code, "x"), Runs(&|| (), "x")]);
    let reads = Cell::new(0);
    let count_elsewhere = || {
        reads.set(reads.get() + 1);
        other.with_labels(["x", "x"]).expect("room").inc();
    };
    for _ in 0..9 {
        running(&count_elsewhere).expect("room").inc();
    }
    let in_other = || other.with_labels(["x", "x"]).expect("room").get();
    assert_eq!(in_other(), reads.get());
    running(&|| _ = other.remove(["x", "x"])).expect("room").inc();
    assert_eq!(in_other(), 0);
    let panics = || panic!("a panic that the test expects");
    let caught = catch_unwind(AssertUnwindSafe(|| running(&panics)));
    assert!(caught.is_err());
    running(&|| ()).expect("room").inc();
    assert_eq!(family.with_labels(["x", "x"]).expect("room").get(), 11);
}

#[test]
fn a_changed_start_time_is_encoded() {
    let family = family(9);
    let registry = Registry::new();
    registry.register(&family).expect("the first");
    for value in ["1", "2"] {
        family.with_labels([value, ""]).expect("room").inc();
    }
    let encoded = || registry.encode_with(Options::new(Encoding::Protobuf));
    let before = encoded();
    assert_eq!(encoded(), before);
    std::thread::sleep(std::time::Duration::from_millis(2));
    // A forked child does this.
    created::restart();
    let after = encoded();
    assert_ne!(after, before);
    assert_eq!(encoded(), after);
    // A new list of children has the new time.
    family.with_labels(["3", ""]).expect("room").inc();
    assert!(family.remove(["3", ""]));
    assert_eq!(encoded(), after);
}
