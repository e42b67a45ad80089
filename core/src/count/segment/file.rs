//! Opens the file of a segment, or creates it, and checks everything before it is trusted.

use std::fmt::{self, Write};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use crate::count::segment::directory::Directory;
use crate::count::segment::hash::hash;
use crate::count::segment::layout::{self, header, lock};
use crate::count::segment::mapping::Mapping;
use crate::count::segment::record::Identity;
use crate::count::segment::{index, sealed, system};
use crate::sync::Ordering;

/// The end of each file's name: the version of the layout, and what the file holds.
const SUFFIX: &str = "counts";
/// The most bytes of an escaped identity in a file's name, of the 255 that a name may have.
const MAX_NAME: usize = 200;
/// How often a lock is tried before it counts as held for long, such as by a stopped process. A
/// holder needs about 20 microseconds, and each try lets it run.
const TRIES: u32 = 2_000;
/// The bytes of each block that `stat` counts, on all file systems (`man 3type stat`).
const BYTES_OF_BLOCKS: u64 = 512;

/// Why a process cannot use a segment. It counts in private memory then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable {
    /// The step that failed, as a clause: `cannot open the directory`.
    pub(crate) what: &'static str,
    /// Why, and the rule if a rule was broken.
    pub(crate) reason: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Unavailable {
    move |error| Unavailable { what, reason: error.to_string() }
}

fn refused(what: &'static str, rule: &str) -> Unavailable {
    Unavailable { what, reason: rule.to_owned() }
}

/// The file of a segment, open and checked.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) found: Metadata,
    pub(crate) path: PathBuf,
    pub(crate) mapping: Mapping,
    pub(crate) identity: Identity,
}

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

/// Replaces all bytes but letters, digits and a few signs by `%` and two digits.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@=".contains(&byte);
    let mut escaped = String::new();
    for byte in text.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            // Never fails for a string.
            let _ = write!(escaped, "%{byte:02x}");
        }
    }
    escaped
}

/// Opens the segment of an identity in a directory. Creates both if they are missing.
pub(crate) fn open(directory: &Path, identity: &Identity) -> Result<Opened, Unavailable> {
    // The directory nearly always exists, so this does not try to make it first.
    let user = system::user();
    if let Err(error) = check_directory(directory, user) {
        if directory.exists() {
            return Err(error);
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed("cannot create the directory"))?;
        check_directory(directory, user)?;
    }
    let path = directory.join(name(identity));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(&path)
        .map_err(failed("cannot open the file"))?;
    let found = check_file(&file, user)?;
    // An existing file is nearly always complete. Otherwise another process makes it now, or was
    // ended while it made it.
    let mapping = match map_complete(&file, &found)? {
        Some(mapping) => mapping,
        None => create(&file, &found, identity)?,
    };
    opened(file, path, found, mapping)
}

/// Opens an existing segment to read it.
pub(crate) fn open_to_read(path: &Path) -> Result<Opened, Unavailable> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
        .map_err(failed("cannot open the file"))?;
    let found = check_file(&file, system::user())?;
    if found.len() != layout::SIZE as u64 || !is_ready(&file)? {
        let rule = "it must have the size of its layout, and a header";
        return Err(refused("the file is not complete", rule));
    }
    let mapping = Mapping::new(&file, false).map_err(failed("cannot map the file"))?;
    opened(file, path.to_owned(), found, mapping)
}

/// Opens an existing segment to lock it.
#[cfg(feature = "push")]
pub(crate) fn open_to_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
}

fn opened(
    file: File,
    path: PathBuf,
    found: Metadata,
    mapping: Mapping,
) -> Result<Opened, Unavailable> {
    check_header(&mapping, &found)?;
    if index::appended(&mapping).is_none() {
        return Err(refused("the file is damaged", "its directory must have a length"));
    }
    let Some(identity) = index::identity(&mapping) else {
        return Err(refused("the file is damaged", "it must name its job and instance"));
    };
    Ok(Opened { file, found, path, mapping, identity })
}

/// Returns whether a directory lies in tmpfs and belongs to this user alone.
pub(crate) fn is_fit(directory: &Path) -> bool {
    check_directory(directory, system::user()).is_ok()
        && File::open(directory).is_ok_and(|open| system::is_tmpfs(&open).unwrap_or(false))
}

/// Returns whether a directory lies in tmpfs, or would if it were made.
pub(crate) fn is_in_memory(directory: &Path) -> bool {
    let nearest = directory.ancestors().find_map(|parent| File::open(parent).ok());
    nearest.is_some_and(|open| system::is_tmpfs(&open).unwrap_or(false))
}

/// Returns the user of this process.
pub(crate) fn user() -> u32 {
    system::user()
}

/// Refuses a directory in which another user could replace files.
fn check_directory(directory: &Path, user: u32) -> Result<(), Unavailable> {
    let what = "the directory is not safe";
    let found = directory.symlink_metadata().map_err(failed("cannot read the directory"))?;
    if !found.is_dir() {
        return Err(refused(what, "it must be a directory, not a link"));
    }
    check_owner(&found, user, what, 0o022)
}

fn check_file(file: &File, user: u32) -> Result<Metadata, Unavailable> {
    let what = "the file is not safe";
    let found = file.metadata().map_err(failed("cannot read the file"))?;
    if !found.is_file() {
        return Err(refused(what, "it must be a regular file"));
    }
    check_owner(&found, user, what, 0o077)?;
    Ok(found)
}

fn check_owner(
    found: &Metadata,
    user: u32,
    what: &'static str,
    mode: u32,
) -> Result<(), Unavailable> {
    if found.uid() != user {
        return Err(refused(what, "it must belong to the user of this process"));
    }
    if found.permissions().mode() & mode != 0 {
        return Err(refused(what, "no other user may write to it"));
    }
    Ok(())
}

/// Maps the file if its header is complete.
fn map_complete(file: &File, found: &Metadata) -> Result<Option<Mapping>, Unavailable> {
    match found.len() {
        0 => return Ok(None),
        length if length == layout::SIZE as u64 => {}
        _ => return Err(refused("the file is damaged", "it must have the size of its layout")),
    }
    // Its room is reserved in one step, and before any other. Without it, a touch could fail.
    if found.blocks() * BYTES_OF_BLOCKS < (layout::DIRECTORY * 8) as u64 {
        return Ok(None);
    }
    let mapping = Mapping::new(file, true).map_err(failed("cannot map the file"))?;
    let is_ready = mapping.words()[header::READY].load(Ordering::Acquire) != 0;
    Ok(is_ready.then_some(mapping))
}

/// Returns whether the header was completed. A read of the file takes no room, unlike a touch of
/// the mapping.
fn is_ready(file: &File) -> Result<bool, Unavailable> {
    let mut ready = [0; 8];
    file.read_exact_at(&mut ready, header::READY as u64 * 8)
        .map_err(failed("cannot read the file"))?;
    Ok(ready != [0; 8])
}

/// Makes the header, unless another process has made it meanwhile.
fn create(file: &File, found: &Metadata, identity: &Identity) -> Result<Mapping, Unavailable> {
    let Some(lock) = lock_directory(file).map_err(failed("cannot lock the file"))? else {
        return Err(refused("the file is not complete", "another process is making it"));
    };
    let now = file.metadata().map_err(failed("cannot read the file"))?;
    if let Some(mapping) = map_complete(file, &now)? {
        return Ok(mapping);
    }
    // Here only: the header names the file that it was made for, so a complete one lies there too.
    if !system::is_tmpfs(file).map_err(failed("cannot read the file system"))? {
        let rule = "it must lie in tmpfs, such as /dev/shm: a disk would make increments wait";
        return Err(refused("the file system is not suitable", rule));
    }
    if system::file_limit() < layout::SIZE as u64 {
        let rule = "RLIMIT_FSIZE (ulimit -f) must allow a sparse file of 8.3 GiB";
        return Err(refused("cannot create the file", rule));
    }
    file.set_len(layout::SIZE as u64).map_err(failed("cannot create the file"))?;
    system::reserve(file, 0, layout::DIRECTORY * 8).map_err(failed("cannot reserve room"))?;
    let mapping = Mapping::new(file, true).map_err(failed("cannot map the file"))?;
    let words = mapping.words();
    words[header::MAGIC].store(layout::MAGIC, Ordering::Relaxed);
    for (word, own) in words[header::BIRTH..].iter().zip(birth(found)?) {
        word.store(own, Ordering::Relaxed);
    }
    #[expect(clippy::cast_possible_truncation, reason = "any bits do")]
    sealed::store(&words[header::ID], RandomState::new().hash_one(0) as u32);
    sealed::store(&words[header::BLOCKS], 0);
    sealed::store(&words[header::DIRECTORY], 0);
    sealed::store(&words[header::LAST_GAUGE], 0);
    Directory::default()
        .begin(&mapping, file, identity.clone())
        .map_err(|_| refused("cannot reserve room", "tmpfs is full"))?;
    sealed::store(&words[header::READY], 1);
    drop(lock);
    Ok(mapping)
}

fn check_header(mapping: &Mapping, found: &Metadata) -> Result<(), Unavailable> {
    let words = mapping.words();
    let what = "the file is damaged";
    if words[header::MAGIC].load(Ordering::Relaxed) != layout::MAGIC
        || sealed::load(&words[header::READY]) != Some(1)
        || sealed::load(&words[header::ID]).is_none()
        || sealed::load(&words[header::BLOCKS])
            .is_none_or(|blocks| blocks as usize > layout::MAX_BLOCKS)
    {
        return Err(refused(what, "its header must be that of a segment"));
    }
    let birth = birth(found)?;
    if words[header::BIRTH..]
        .iter()
        .zip(birth)
        .any(|(word, own)| word.load(Ordering::Relaxed) != own)
    {
        let rule = "its header must have been made for this file: it may not be a copy";
        return Err(refused(what, rule));
    }
    Ok(())
}

/// Returns two words that distinguish this file from a copy, and from a file of an earlier boot:
/// its number, and when it was made.
fn birth(found: &Metadata) -> Result<[u64; 2], Unavailable> {
    let made = match found.created() {
        Ok(made) => {
            let since = made.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        }
        // Linux before 6.0 does not note it for tmpfs.
        Err(_) => boot()?,
    };
    Ok([found.ino(), made])
}

/// Returns half of the random number that the kernel has for this boot.
fn boot() -> Result<u64, Unavailable> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_err(failed("cannot read the boot's number"))?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16)
        .map_err(|_| refused("cannot read the boot's number", "it must be a UUID"))
}

/// The lock on a directory; dropping it unlocks it.
#[derive(Debug)]
pub(crate) struct DirectoryLock<'a>(&'a File);

/// Locks the directory against other processes. Returns `None` if one of them holds the lock for
/// long. Threads of one process must exclude each other before.
pub(crate) fn lock_directory(file: &File) -> io::Result<Option<DirectoryLock<'_>>> {
    for _ in 0..TRIES {
        if system::try_lock(file, lock::DIRECTORY)? {
            return Ok(Some(DirectoryLock(file)));
        }
        thread::yield_now();
    }
    Ok(None)
}

impl Drop for DirectoryLock<'_> {
    fn drop(&mut self) {
        // Fails only for a descriptor that is closed, and then the lock has ended.
        let _ = system::unlock(self.0, lock::DIRECTORY);
    }
}

/// Returns whether processes that open `path` now find this file: it has a name, and no other file
/// has that path. A path that is out of reach says nothing.
pub(crate) fn is_found(file: &File, path: &Path) -> bool {
    let Ok(own) = file.metadata() else { return false };
    let is_another = |there: Metadata| (there.dev(), there.ino()) != (own.dev(), own.ino());
    own.nlink() > 0 && !path.symlink_metadata().is_ok_and(is_another)
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
