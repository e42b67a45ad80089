//! The lines of children that have one value each, kept with their numbers. An exposition
//! overwrites the numbers that changed, and uses all other bytes as they are.

use std::sync::Arc;

use crate::model::value::Value;
use crate::sync::locks::Mutex;

/// The lines of one chunk. If a number gets another digit, its whole chunk is written again.
const LINES: usize = 128;

/// Lines in chunks, which are empty before the first update.
#[derive(Debug)]
pub(super) struct Lines(Mutex<Vec<Chunk>>);

/// Neighbouring lines.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// UTF-8, as bytes, because those of a `String` cannot be overwritten. Responses share it until
    /// they are sent. An update copies a shared text.
    text: Arc<Vec<u8>>,
    /// The values in the text. A child without a value has no line.
    values: Vec<Option<Value>>,
    /// The place where the number of each line begins. It ends at the next newline, because
    /// newlines in label values are escaped.
    numbers: Vec<usize>,
}

/// Memory for the text of one number.
#[derive(Default)]
pub(super) struct Number {
    pub(super) digits: itoa::Buffer,
    pub(super) text: String,
}

impl Lines {
    pub(super) fn new(count: usize) -> Lines {
        Lines(Mutex::new((0..count).step_by(LINES).map(|_| Chunk::default()).collect()))
    }

    /// Updates the lines of all children, and passes the chunks to `take` in their order. `begin`
    /// appends the part of a line before its number, and `write` returns the text of a number.
    pub(super) fn update(
        &self,
        values: &[Option<Value>],
        begin: impl Fn(usize, &mut String),
        write: impl for<'n> Fn(Value, &'n mut Number) -> &'n str,
        mut take: impl FnMut(&Chunk),
    ) {
        let mut chunks = self.0.lock();
        for (number, (chunk, values)) in chunks.iter_mut().zip(values.chunks(LINES)).enumerate() {
            if !chunk.overwrite(values, &write) {
                let begin = |at, line: &mut String| begin(number * LINES + at, line);
                *chunk = chunk.rewritten(values, begin, &write);
            }
            take(chunk);
        }
    }
}

impl Chunk {
    /// Returns the lines, each with its newline.
    pub(super) fn text(&self) -> &Arc<Vec<u8>> {
        &self.text
    }

    /// Returns how many children there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns where the line of a child ends, behind its newline. `None` if it has none.
    pub(super) fn end(&self, at: usize) -> Option<usize> {
        (*self.values.get(at)?)?;
        Some(end_of_number(&self.text, self.numbers[at]) + 1)
    }

    /// Writes new numbers over the old ones. Returns false if one has another length, or another
    /// child has no value: the chunk must be rewritten then.
    fn overwrite(
        &mut self,
        values: &[Option<Value>],
        write: impl for<'n> Fn(Value, &'n mut Number) -> &'n str,
    ) -> bool {
        if self.values.len() != values.len() {
            return false;
        }
        let differs = |(old, new): (&Option<Value>, &Option<Value>)| !is_same(*old, *new);
        let Some(first) = self.values.iter().zip(values).position(differs) else { return true };
        let text = Arc::make_mut(&mut self.text);
        let mut number = Number::default();
        let children = self.values.iter_mut().zip(values).zip(&self.numbers).skip(first);
        for ((old, new), begin) in children.filter(|((old, new), _)| !is_same(**old, **new)) {
            let (Some(_), Some(value)) = (*old, *new) else { return false };
            let number = write(value, &mut number).as_bytes();
            let place = *begin..end_of_number(text, *begin);
            if place.len() != number.len() {
                return false;
            }
            text[place].copy_from_slice(number);
            *old = *new;
        }
        true
    }

    /// Returns the chunk with these values. A line that is here already need not be escaped again.
    fn rewritten(
        &self,
        values: &[Option<Value>],
        begin: impl Fn(usize, &mut String),
        write: impl for<'n> Fn(Value, &'n mut Number) -> &'n str,
    ) -> Chunk {
        let mut text = Vec::with_capacity(self.text.len() + LINES);
        let mut numbers = Vec::with_capacity(values.len());
        let (mut number, mut line) = (Number::default(), String::new());
        let mut from = 0;
        for (at, value) in values.iter().enumerate() {
            let old = self.end(at).map(|end| {
                let beginning = &self.text[from..self.numbers[at]];
                from = end;
                beginning
            });
            match (value, old) {
                (None, _) => {}
                (Some(_), Some(beginning)) => text.extend_from_slice(beginning),
                (Some(_), None) => {
                    line.clear();
                    begin(at, &mut line);
                    text.extend_from_slice(line.as_bytes());
                }
            }
            numbers.push(text.len());
            if let Some(value) = *value {
                text.extend_from_slice(write(value, &mut number).as_bytes());
                text.push(b'\n');
            }
        }
        text.shrink_to_fit();
        Chunk { text: Arc::new(text), values: values.to_vec(), numbers }
    }
}

/// Returns where a number ends that begins at a place of a text.
fn end_of_number(text: &[u8], begin: usize) -> usize {
    let newline = text[begin..].iter().position(|byte| *byte == b'\n');
    begin + newline.expect("each number ends in a newline")
}

/// Returns whether two values have the same text.
fn is_same(one: Option<Value>, other: Option<Value>) -> bool {
    match (one, other) {
        (Some(Value::Integer(one)), Some(Value::Integer(other))) => one == other,
        // By bits, because zero and minus zero have different texts.
        (Some(Value::Float(one)), Some(Value::Float(other))) => one.to_bits() == other.to_bits(),
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(at: usize, line: &mut String) {
        line.extend(["m{at=\"", &at.to_string(), "\"} "]);
    }

    fn write(value: Value, number: &mut Number) -> &str {
        number.text = match value {
            Value::Integer(count) => count.to_string(),
            Value::Float(float) => format!("{float:?}"),
        };
        &number.text
    }

    fn text(lines: &Lines, values: &[Option<Value>]) -> String {
        let mut all = Vec::new();
        lines.update(values, begin, write, |chunk| all.extend_from_slice(chunk.text()));
        String::from_utf8(all).expect("UTF-8")
    }

    fn expected(values: &[Option<Value>]) -> String {
        let mut all = String::new();
        for (at, value) in values.iter().enumerate() {
            if let Some(value) = value {
                begin(at, &mut all);
                all.push_str(write(*value, &mut Number::default()));
                all.push('\n');
            }
        }
        all
    }

    proptest::proptest! {
        /// Checks that updated lines equal lines that are written anew, for any updates.
        #[test]
        fn updated_lines_show_the_last_values(
            count in 0_usize..300,
            updates in proptest::collection::vec(
                proptest::collection::vec((0_usize..300, 0_usize..9), 0..20), 1..8),
        ) {
            const SOME: [Option<Value>; 9] = [
                None, Some(Value::Integer(7)), Some(Value::Integer(8)), Some(Value::Integer(10)),
                Some(Value::Float(0.0)), Some(Value::Float(-0.0)), Some(Value::Float(f64::NAN)),
                Some(Value::Float(7.0)), Some(Value::Float(1e300)),
            ];
            let lines = Lines::new(count);
            let mut values = vec![Some(Value::Integer(0)); count];
            for update in updates {
                for (at, value) in update {
                    if let Some(place) = values.get_mut(at) {
                        *place = SOME[value];
                    }
                }
                proptest::prop_assert_eq!(text(&lines, &values), expected(&values));
            }
        }
    }

    #[test]
    fn an_update_does_not_change_a_text_that_is_being_sent() {
        let lines = Lines::new(1);
        let mut sent = Arc::default();
        lines.update(&[Some(Value::Integer(1))], begin, write, |chunk| sent = chunk.text().clone());
        assert_eq!(text(&lines, &[Some(Value::Integer(2))]), "m{at=\"0\"} 2\n");
        assert_eq!(*sent, b"m{at=\"0\"} 1\n");
    }

    #[test]
    fn an_unshared_text_is_updated_in_place() {
        let lines = Lines::new(1);
        let mut places = Vec::new();
        for count in 1..3 {
            let values = [Some(Value::Integer(count))];
            lines.update(&values, begin, write, |chunk| places.push(chunk.text().as_ptr()));
        }
        assert_eq!(places[0], places[1]);
    }
}
