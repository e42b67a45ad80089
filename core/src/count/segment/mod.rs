//! A segment: a file in tmpfs in which all processes of one identity count, so that counts outlive
//! the process that made them. `docs/decisions/21-counts-outlive-their-process.md` has the picture.
//!
//! | file | what it holds |
//! |---|---|
//! | `layout` | the layout of the file, and the meaning of each lock |
//! | `system` | the system calls |
//! | `sealed` | a number in a word, with a checksum |
//! | `hash` | the checksum of a record, and the hash of a series |
//! | `mapping` | the mapped file: words and blocks |
//! | `names` | the name of an identity's file, and the files with such names |
//! | `permissions` | the directories and files that no other user can replace or write to |
//! | `header` | makes the header of a file, and checks it |
//! | `patience` | how long a thread waits for a lock that another one holds |
//! | `directory_lock` | the lock on the directory, against other processes |
//! | `file` | opens or creates the file |
//! | `unavailable` | why a process cannot use a segment |
//! | `held` | the descriptor that holds the locks of a process |
//! | `record`, `directory` | families and series, and the word of each |
//! | `index` | finds a series without reading the directory |
//! | `gauges` | how the gauges of several processes become one |
//! | `blocks` | claims blocks, reserves room in them, sums over all |
//! | `claimed` | a block of this process, and its values at the claim |
//! | `reader` | a segment that this process only reads |
//! | `source` | what can be read of a segment, attached or not |
//! | `attached/` | one process's use of a segment |
//! | `exported` | the labels under which the counts are exported |
//! | `leaving` | a read as if this process had ended |

pub(crate) mod attached;
pub(crate) mod blocks;
mod claimed;
pub(crate) mod directory;
pub(crate) mod directory_lock;
pub(crate) mod exported;
pub(crate) mod file;
pub(crate) mod gauges;
mod hash;
mod header;
pub(crate) mod held;
pub(crate) mod index;
pub(crate) mod layout;
pub(crate) mod leaving;
pub(crate) mod mapping;
pub(crate) mod names;
mod patience;
pub(crate) mod permissions;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod sealed;
pub(crate) mod source;
pub(crate) mod system;
#[cfg(all(test, not(miri)))]
mod tests;
pub(crate) mod unavailable;
