//! Text from outside, such as a server's response, in the form that log lines and errors show.

use std::fmt::{self, Display, Write};

/// Shows a value on one line. Escapes characters that would start a line, move the cursor or change
/// the colours of a terminal. So a value cannot forge a log line.
pub(crate) struct Printable<T>(pub(crate) T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// Returns a text on one line, as errors and log lines show it.
#[doc(hidden)] // for the bindings
pub fn one_line(text: &str) -> String {
    Printable(text).to_string()
}

/// Returns an address as errors and log lines may show it. It has no name, password, query or
/// fragment, each of which may hold a secret.
#[doc(hidden)] // for the bindings
pub fn without_secrets(address: &str) -> String {
    let (hidden, shown) = match address.rsplit_once('@') {
        // The question mark before the last @ may belong to a password, or that @ may belong to a
        // query.
        Some((before, _)) if before.contains(['?', '#']) => return "***".to_owned(),
        Some((_, host)) => ("***@", host),
        None => ("", address),
    };
    match shown.find(['?', '#']) {
        Some(at) => format!("{hidden}{}***", &shown[..=at]),
        None => format!("{hidden}{shown}"),
    }
}

/// Escapes the text that is written through it.
struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((before, control)) =
            rest.find(is_control).and_then(|at| Some((&rest[..at], rest[at..].chars().next()?)))
        {
            self.0.write_str(before)?;
            write!(self.0, "{}", control.escape_debug())?;
            rest = &rest[before.len() + control.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// Returns whether a character changes how other characters are shown: control characters, the two
/// line separators, and characters that set the direction of text.
fn is_control(char: char) -> bool {
    let directs = '\u{202a}'..='\u{202e}';
    let isolates = '\u{2066}'..='\u{2069}';
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || directs.contains(&char)
        || isolates.contains(&char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_shows_a_secret() {
        for (address, shown) in [
            ("http://gateway:9091/prefix", "http://gateway:9091/prefix"),
            ("http://user:secret@gateway:1", "***@gateway:1"),
            ("user:secret@gateway", "***@gateway"),
            ("http://user:secret/@gateway:1", "***@gateway:1"),
            ("http://user:se@cret@gateway:1", "***@gateway:1"),
            ("gateway:1/?key=secret", "gateway:1/?***"),
            ("http://gateway:1#secret", "http://gateway:1#***"),
            ("http://user:secret?@gateway", "***"),
            ("http://gateway/?key=secret@secret", "***"),
        ] {
            assert_eq!(without_secrets(address), shown);
        }
    }

    #[test]
    fn only_control_characters_are_escaped() {
        let shown = |text: &str| Printable(text).to_string();
        assert_eq!(shown("a\r\x1b[2K\0\u{7}\u{9b}b"), r"a\r\u{1b}[2K\0\u{7}\u{9b}b");
        assert_eq!(shown("one\ntwo\u{2028}three\u{202e}"), r"one\ntwo\u{2028}three\u{202e}");
        assert_eq!(shown("\n\n"), r"\n\n");
        for text in ["", "straße \"x\" 'y' \\ 日本 🙂", "e\u{301}"] {
            assert_eq!(shown(text), text);
        }
    }
}
