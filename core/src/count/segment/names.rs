//! The names of the files of segments: that of an identity, and the files with such names.

use std::fmt::Write;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::count::segment::hash::hash;
use crate::count::segment::layout;
use crate::count::segment::record::Identity;

/// The end of each file's name: the version of the layout, and the type of the file.
const SUFFIX: &str = "counts";
/// The maximum length of an escaped identity in a file's name, in bytes. A file's name may
/// have 255.
const MAX_NAME: usize = 200;

/// Returns the name of an identity's file. Different identities have different names.
pub(crate) fn name(identity: &Identity) -> String {
    let escaped = [&identity.job, &identity.instance].map(|text| escape(text));
    let mut name = escaped.join("+");
    if name.len() > MAX_NAME {
        let check = hash(0, name.as_bytes());
        name.truncate(MAX_NAME);
        name = format!("{name}~{check:08x}");
    }
    format!("{name}.v{}.{SUFFIX}", layout::VERSION)
}

/// Returns whether a file of this name is a segment of this version.
pub(crate) fn is_name(name: &str) -> bool {
    name.ends_with(&format!(".v{}.{SUFFIX}", layout::VERSION))
}

/// Replaces all bytes except letters, digits and a few signs by `%` and two digits.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@=".contains(&byte);
    let mut escaped = String::new();
    for byte in text.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(escaped, "%{byte:02x}");
        }
    }
    escaped
}

/// Returns the segments in a directory.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Returns whether processes that open `path` now find this file: it has a name, and no other file
/// has that path. A path that cannot be read does not count as another file's.
pub(crate) fn is_found(file: &File, path: &Path) -> bool {
    let Ok(own) = file.metadata() else { return false };
    let is_another = |there: Metadata| (there.dev(), there.ino()) != (own.dev(), own.ino());
    own.nlink() > 0 && !path.symlink_metadata().is_ok_and(is_another)
}
