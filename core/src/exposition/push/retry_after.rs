//! The header Retry-After: <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>

use std::time::{Duration, SystemTime};

/// The months as written in an HTTP date.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The days from 1 March of the year 0 to 1 January 1970, plus one.
const EPOCH: u64 = 719_469;

/// Returns the time to wait, from a number of seconds or a date. Returns `None` if the text is
/// neither.
pub(crate) fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(date(value.trim())?.duration_since(now).unwrap_or_default()),
    }
}

/// Reads a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that a server may send.
fn date(text: &str) -> Option<SystemTime> {
    let mut parts = text.split_once(", ")?.1.split_ascii_whitespace();
    let day: u64 = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year: u64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(str::parse::<u64>);
    let mut next = || clock.next()?.ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) || hours > 23 {
        return None;
    }
    // Here years begin in March, so the leap day is the last day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let seconds = (days.checked_sub(EPOCH)?) * 86_400 + hours * 3600 + minutes * 60 + seconds;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_parsed() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (value, now, expected) in [
            ("0", 0, Some(0)),
            (" 120 ", 0, Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 - 5, Some(5)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 + 5, Some(0)),
            ("Thu, 01 Jan 1970 00:00:09 GMT", 0, Some(9)),
            ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800 - 1, Some(1)),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200 - 1, Some(1)),
            ("", 0, None),
            ("-1", 0, None),
            ("soon", 0, None),
            ("Sun, 06 Nov", 0, None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", 0, None),
        ] {
            let parsed = parse(value, at(now));
            assert_eq!(parsed, expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
