//! The system calls of segments that have no safe wrapper: locks on bytes, room in tmpfs, owners.
#![allow(unsafe_code, reason = "these exist as C functions only; see each SAFETY comment")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Locks a byte of the file for this open file description, which alone can unlock it. Returns
/// `false` if another description holds the lock. Never waits.
///
/// A lock of this kind ends when the last descriptor of the description closes, and so at the end
/// of the process, however it ends. Unlike a traditional record lock, it survives the closing of
/// other descriptors of the file.
pub(crate) fn try_lock(file: &File, byte: u64) -> io::Result<bool> {
    match fcntl(file, libc::F_OFD_SETLK, &mut range(libc::F_WRLCK, byte, 1)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Unlocks a byte.
pub(crate) fn unlock(file: &File, byte: u64) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLK, &mut range(libc::F_UNLCK, byte, 1))
}

/// Returns the first lock of another description within `count` bytes: its start and its length.
pub(crate) fn first_lock(file: &File, byte: u64, count: u64) -> io::Result<Option<(u64, u64)>> {
    let mut range = range(libc::F_WRLCK, byte, count);
    fcntl(file, libc::F_OFD_GETLK, &mut range)?;
    #[expect(clippy::cast_sign_loss, reason = "the kernel returns no negative ranges")]
    let found = (range.l_start as u64, range.l_len as u64);
    Ok((libc::c_int::from(range.l_type) != libc::F_UNLCK).then_some(found))
}

fn range(kind: libc::c_int, byte: u64, count: u64) -> libc::flock {
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte as libc::off_t,
        l_len: count as libc::off_t,
        l_pid: 0,
    }
}

fn fcntl(file: &File, command: libc::c_int, range: &mut libc::flock) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `file` is, and the kernel reads and writes `range`.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut *range) })
}

/// Reserves RAM for a range of the file. After that, neither reads nor writes in that range can
/// fail.
pub(crate) fn reserve(file: &File, from: usize, bytes: usize) -> io::Result<()> {
    #[expect(clippy::cast_possible_wrap, reason = "offsets in a segment")]
    let (from, bytes) = (from as libc::off_t, bytes as libc::off_t);
    loop {
        // SAFETY: the descriptor is open as long as `file` is. The other arguments are numbers.
        match checked(unsafe { libc::fallocate(file.as_raw_fd(), 0, from, bytes) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Returns whether the file is in tmpfs, which never waits for a disk and never writes to one.
pub(crate) fn is_tmpfs(file: &File) -> io::Result<bool> {
    // SAFETY: all bytes zero are a valid value of this plain C struct.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open as long as `file` is, and `found` is a place for the result.
    checked(unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut found) })?;
    #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
    let (there, tmpfs) = (found.f_type as i64, libc::TMPFS_MAGIC as i64);
    Ok(there == tmpfs)
}

/// Returns the effective user of the process.
pub(crate) fn user() -> u32 {
    // SAFETY: it has no arguments, changes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Returns the largest size of a file that the process may write. Beyond it, the system sends a
/// signal.
pub(crate) fn file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the result.
    let failed = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } != 0;
    if failed { u64::MAX } else { limit.rlim_cur }
}

fn checked(returned: libc::c_int) -> io::Result<()> {
    if returned == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
