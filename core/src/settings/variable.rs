//! A variable of the environment: reads its value as each type of setting, and has the rule for it.

use std::time::Duration;

use crate::model::error::Error;
use crate::model::printable::without_secrets;

/// A variable and its value.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

impl Variable {
    pub(crate) fn refused(&self, rule: impl Into<String>) -> Error {
        let value = without_secrets(&self.value);
        Error::Setting { name: self.name.into(), value, rule: rule.into() }
    }

    /// Reads the words that pydantic accepts for a bool, because dataClay reads its settings with
    /// pydantic.
    pub(crate) fn boolean(&self) -> Result<bool, Error> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
            _ => Err(self.refused("must be true or false")),
        }
    }

    /// Reads one of the `words`.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Error> {
        let value = self.value.to_ascii_lowercase();
        let known = words.iter().find(|(word, _)| *word == value);
        known.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let (last, first) = words.split_last().unwrap_or((&"", &[]));
            let first = if first.is_empty() { String::new() } else { first.join(", ") + " or " };
            self.refused(format!("must be {first}{last}"))
        })
    }

    pub(crate) fn host(self) -> Result<String, Error> {
        let fits = |char: char| char.is_ascii_alphanumeric() || ".-_:[]%".contains(char);
        if self.value.chars().all(fits) {
            Ok(self.value)
        } else {
            Err(self.refused("must be a host name or an IP address, without scheme, port or path"))
        }
    }

    pub(crate) fn port(&self, lowest: u16) -> Result<u16, Error> {
        match self.value.parse() {
            Ok(port) if port >= lowest => Ok(port),
            _ => Err(self.refused(format!("must be a whole number from {lowest} to 65535"))),
        }
    }

    pub(crate) fn seconds(&self, least: f64, most: f64) -> Result<Duration, Error> {
        match self.value.parse() {
            Ok(seconds) if (least..=most).contains(&seconds) => {
                Ok(Duration::from_secs_f64(seconds))
            }
            _ => Err(self.refused(format!("must be a number of seconds from {least} to {most}"))),
        }
    }
}
