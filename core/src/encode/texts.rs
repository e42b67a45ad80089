//! Many texts in one allocation: the constant parts of an exposition.

/// Texts one after the other, so that a writer of all texts reads memory sequentially.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// The end of each text.
    ends: Vec<usize>,
}

impl Texts {
    /// Returns one text for each of the `items`, each appended by `write`.
    pub(super) fn new<T>(
        items: impl ExactSizeIterator<Item = T>,
        write: impl Fn(T, &mut String),
    ) -> Texts {
        let mut texts = Texts { all: String::new(), ends: Vec::with_capacity(items.len()) };
        for item in items {
            write(item, &mut texts.all);
            texts.ends.push(texts.all.len());
        }
        texts.all.shrink_to_fit();
        texts
    }

    /// Returns the texts, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().scan(0, |from, end| {
            let text = &self.all[*from..*end];
            *from = *end;
            Some(text)
        })
    }

    /// Returns the length of all texts together, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.all.len()
    }
}
