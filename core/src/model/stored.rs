//! Descriptions and labels as bytes, for processes that share them. Readers validate the bytes,
//! which may be damaged or written by another program.

use crate::model::desc::Desc;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::{Layout, Part, PartLabel};
use crate::model::names::check_metric_name;
use crate::model::native::{Native, NativeBuckets};

/// Returns a description without the name and the label values, as bytes. [`difference`] compares
/// them, to decide whether two series of one name belong to one family.
pub(crate) fn definition(desc: &Desc, layout: &Layout) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.number(desc.kind().number());
    out.text(desc.help());
    out.text(desc.unit());
    let mut names: Vec<&str> = desc.labels().iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    out.number(names.len());
    for name in names {
        out.text(name);
    }
    if layout.is_single() {
        out.number(0);
        return out.0;
    }
    out.number(layout.parts().len());
    for part in layout.parts() {
        out.text(part.suffix);
        match &part.label {
            None => out.number(0),
            Some(PartLabel::Number(name, number)) => {
                out.number(1);
                out.text(name);
                out.0.extend(number.to_bits().to_le_bytes());
            }
            Some(PartLabel::Text(name, value)) => {
                out.number(2);
                out.text(name);
                out.text(value);
            }
        }
    }
    for field in layout.native().iter().flat_map(|native| native.buckets().fields()) {
        out.0.extend(field.to_le_bytes());
    }
    out.0
}

/// Returns why series of `one` and `other` cannot be counted together: how `other` differs, in
/// words. Returns `None` if they can. Help text and unit may differ, for example between two
/// versions of a program. Both are of [`definition`].
pub(crate) fn difference(one: &[u8], other: &[u8]) -> Option<&'static str> {
    let (mut one, mut other) = (Reader(one), Reader(other));
    if one.number() != other.number() {
        return Some("another type");
    }
    for read in [&mut one, &mut other] {
        let (_help, _unit) = (read.text(), read.text());
    }
    if one.texts() != other.texts() {
        return Some("other label names");
    }
    (one.0 != other.0).then_some("other buckets")
}

/// Returns labels in the order of their names.
pub(crate) fn labels(labels: &Labels) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    for (name, value) in labels.sorted().iter() {
        out.text(name);
        out.text(value);
    }
    out.0
}

/// Reads what [`definition`] returned. Returns `None` if it is not valid.
pub(crate) fn read_definition(name: &str, bytes: &[u8]) -> Option<(Desc, Layout)> {
    check_metric_name(name).ok()?;
    let mut read = Reader(bytes);
    let kind = Kind::from_number(read.number()?)?;
    let (help, unit) = (read.text()?, read.text()?);
    read.texts()?;
    let desc = Desc::unchecked(kind, name.into(), help.into(), Labels::default());
    let desc = desc.with_unit(unit).ok()?;
    let mut parts = Vec::new();
    for _ in 0..read.number()? {
        let suffix = read.text()?;
        let suffix = kind.suffixes().iter().find(|known| **known == suffix)?;
        let label = match read.number()? {
            0 => None,
            1 => {
                let text = read.text()?;
                let name = kind.sample_label().filter(|known| *known == text)?;
                Some(PartLabel::Number(name, f64::from_bits(read.bits()?)))
            }
            2 => Some(PartLabel::Text(read.text()?.into(), read.text()?.into())),
            _ => return None,
        };
        parts.push(Part { suffix, label });
    }
    let mut layout = if parts.is_empty() { Layout::SINGLE } else { Layout::new(parts) };
    if !read.0.is_empty() {
        let uppers = layout.uppers();
        let fields = [read.bits()?, read.bits()?, read.bits()?, read.bits()?, read.bits()?];
        let buckets = NativeBuckets::from_fields(fields)?;
        if uppers.last() != Some(&f64::INFINITY) {
            return None;
        }
        layout = layout.with_native(Native::new(buckets, &uppers));
    }
    read.0.is_empty().then_some((desc, layout))
}

/// Reads what [`labels`] returned. Returns `None` if it is not valid.
pub(crate) fn read_labels(bytes: &[u8]) -> Option<Labels> {
    let mut read = Reader(bytes);
    let mut pairs = Vec::new();
    while !read.0.is_empty() {
        pairs.push((read.text()?, read.text()?));
    }
    Labels::new(pairs).ok()
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: usize) {
        // A record with a larger number is refused.
        self.0.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.extend(text.as_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number) as usize)
    }

    fn bits(&mut self) -> Option<u64> {
        let (bits, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bits))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn texts(&mut self) -> Option<Vec<&'a str>> {
        (0..self.number()?).map(|_| self.text()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Vec<(Desc, Layout)> {
        let labels = Labels::new([("b", "1\n"), ("a", "")]).expect("valid");
        let counter = Desc::new(Kind::Counter, "a_seconds", "help \"é\"", labels).expect("valid");
        let counter = counter.with_unit("seconds").expect("its unit");
        let other = Desc::new(Kind::Histogram, "o", "", Labels::default()).expect("valid");
        let part = |suffix, label| Part { suffix, label };
        let several = Layout::new([
            part("_bucket", Some(PartLabel::Number("le", f64::INFINITY))),
            part("_sum", None),
            part("", Some(PartLabel::Text("state".into(), "open".into()))),
        ]);
        let le = |upper| part("_bucket", Some(PartLabel::Number("le", upper)));
        let native = NativeBuckets::new(3, 0.5, 8.0).expect("valid").max_buckets(7);
        let native = Native::new(native.with_negative().expect("few"), &[1.0, f64::INFINITY]);
        let histogram = Desc::new(Kind::Histogram, "h", "", Labels::default()).expect("valid");
        let buckets = Layout::new([le(1.0), le(f64::INFINITY)]).with_native(native);
        vec![(counter, Layout::SINGLE), (other, several), (histogram, buckets)]
    }

    #[test]
    fn a_definition_is_read_as_it_was_written() {
        for (desc, layout) in stored() {
            let bytes = definition(&desc, &layout);
            let (read, parts) = read_definition(desc.name(), &bytes).expect("valid");
            assert_eq!(
                (read.name(), read.help(), read.unit()),
                (desc.name(), desc.help(), desc.unit())
            );
            assert_eq!((read.kind(), parts), (desc.kind(), layout));
            let pairs = read_labels(&labels(desc.labels())).expect("valid");
            assert_eq!(pairs, desc.labels().sorted());
        }
    }

    #[test]
    fn the_difference_between_two_definitions_is_named() {
        let defined = |kind, help, unit, labels: &[(&str, &str)], upper| {
            let labels = Labels::new(labels.iter().copied()).expect("valid");
            let desc = Desc::new(kind, "x_seconds", help, labels).expect("valid");
            let label = Some(PartLabel::Number("le", upper));
            let layout = Layout::new([Part { suffix: "_bucket", label }]);
            definition(&desc.with_unit(unit).expect("its unit"), &layout)
        };
        let (kind, labels): (_, &[_]) = (Kind::Histogram, &[("a", ""), ("b", "")]);
        let one = defined(kind, "X", "seconds", labels, 2.0);
        for (other, what) in [
            (defined(Kind::Summary, "X", "seconds", labels, 2.0), Some("another type")),
            (defined(kind, "Y", "seconds", labels, 2.0), None),
            (defined(kind, "", "", labels, 2.0), None),
            (defined(kind, "X", "seconds", &labels[..1], 2.0), Some("other label names")),
            (
                defined(kind, "X", "seconds", &[("a", ""), ("c", "")], 2.0),
                Some("other label names"),
            ),
            (defined(kind, "Y", "seconds", labels, 5.0), Some("other buckets")),
        ] {
            assert_eq!((difference(&one, &other), difference(&other, &one)), (what, what));
        }
        assert_eq!(difference(&one, &one), None);
        assert_eq!(difference(&one, &[]), Some("another type"), "damaged");
        for cut in 4..one.len() {
            assert!(difference(&one, &one[..cut]).is_some(), "damaged");
        }
    }

    #[test]
    fn damaged_bytes_never_cause_a_panic() {
        for (desc, layout) in stored() {
            let bytes = definition(&desc, &layout);
            for at in 0..bytes.len() {
                let cut = read_definition(desc.name(), &bytes[..at]);
                // A definition that ends before the native buckets is valid without them.
                assert!(cut.is_none_or(|(_, read)| read.native() != layout.native()));
                let mut damaged = bytes.clone();
                damaged[at] ^= 0xff;
                let _ = read_definition(desc.name(), &damaged);
            }
            let bytes = labels(desc.labels());
            for at in 1..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0xff;
                let _ = (read_labels(&bytes[..at]), read_labels(&damaged));
            }
        }
        assert!(read_definition("", &definition(&stored()[0].0, &Layout::SINGLE)).is_none());
    }
}
