//! A place next to a value that does not change, for what readers derive from it.
//!
//! The model does not know its readers. Each reader keeps its own type, such as the lines of a text
//! format or the bytes of a binary one.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use crate::sync::locks;

/// A place where each reader may keep one value, found by its type. It starts empty, and a kept
/// value stays until the place is dropped.
#[derive(Default)]
pub(crate) struct Kept(OnceLock<Box<Node>>);

struct Node<T: ?Sized = dyn Any + Send + Sync> {
    next: Kept,
    value: T,
}

impl Kept {
    /// Returns the value of this type, which `make` makes the first time.
    #[inline]
    pub(crate) fn get_or_make<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        // Usually the first value is the right one.
        match self.0.get().and_then(|node| node.value.downcast_ref()) {
            Some(value) => value,
            None => self.find_or_make(make),
        }
    }

    #[cold]
    #[inline(never)] // It would slow down the usual case.
    fn find_or_make<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        let mut make = Some(make);
        let mut place = self;
        loop {
            let node = locks::get_or_init(&place.0, || {
                let make = make.take().expect("a value that was just made is returned below");
                Box::new(Node { next: Kept::default(), value: make() })
            });
            if let Some(value) = node.value.downcast_ref() {
                return value;
            }
            place = &node.next;
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

/// A place for the texts of two readers, such as the text formats. Finding a value by its type, as
/// [`Kept`] does, is slower (`docs/decisions/03-reading-a-registry.md`).
#[derive(Default)]
pub(crate) struct KeptTexts([OnceLock<String>; 2]);

impl KeptTexts {
    /// Returns the text of a reader, 0 or 1, which `make` makes the first time.
    #[inline]
    pub(crate) fn get_or_make(&self, reader: usize, make: impl FnOnce() -> String) -> &str {
        locks::get_or_init(&self.0[reader], make).as_str()
    }
}

impl fmt::Debug for KeptTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptTexts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_has_one_text() {
        let kept = KeptTexts::default();
        for _ in 0..2 {
            assert_eq!(kept.get_or_make(0, || "text".into()), "text");
            assert_eq!(kept.get_or_make(1, || "other".into()), "other");
        }
        assert_eq!(kept.get_or_make(0, || "new".into()), "text");
    }

    #[test]
    fn each_type_has_one_value() {
        let kept = Kept::default();
        for _ in 0..2 {
            assert_eq!(kept.get_or_make(|| 1_u8), &1);
            assert_eq!(kept.get_or_make(|| "text"), &"text");
            assert_eq!(kept.get_or_make(|| 2_u64), &2);
        }
        assert_eq!(kept.get_or_make(|| 9_u8), &1);
    }
}
