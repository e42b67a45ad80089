//! Texts one behind the other: what of an exposition does not change from one to the next.

/// Texts in one piece of memory, so that who writes them all out reads it from front to back.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    all: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    /// As many texts as there are `items`, each written by `write`.
    pub(crate) fn new<T>(
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

    /// The texts, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().scan(0, |from, end| {
            let text = &self.all[*from..*end];
            *from = *end;
            Some(text)
        })
    }

    /// Their length together, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.all.len()
    }
}
