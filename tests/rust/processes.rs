//! Processes that a test starts. Each is the test program again, in a role that a variable names.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dataclay_metrics_core::segment::{self, Reader};
use dataclay_metrics_core::{Collector, encode};

/// The path of a directory in tmpfs. Dropping it removes the directory.
#[derive(Debug)]
pub struct Directory(pub PathBuf);

impl Directory {
    /// Returns the path of a directory that does not exist.
    pub fn new(name: &str) -> Directory {
        let path = format!("/dev/shm/dataclay-metrics-test-{name}-{}", std::process::id());
        let directory = Directory(path.into());
        directory.remove();
        directory
    }

    /// Opens the only segment in the directory.
    ///
    /// # Panics
    ///
    /// If the directory does not contain one segment.
    pub fn reader(&self) -> Reader {
        let files = segment::list(&self.0).expect("the directory");
        assert_eq!(files.len(), 1, "{files:?}");
        Reader::open(&files[0]).expect("a segment")
    }

    /// Returns the text of the only segment in the directory.
    ///
    /// # Panics
    ///
    /// As [`Directory::reader`].
    pub fn text(&self) -> String {
        encode::text(&self.reader().collect())
    }

    /// Returns the text of the first segment in the directory, or an empty one if no process has
    /// created the segment yet.
    pub fn text_if_created(&self) -> String {
        let files = segment::list(&self.0).unwrap_or_default();
        let reader = files.first().and_then(|file| Reader::open(file).ok());
        reader.map_or_else(String::new, |reader| encode::text(&reader.collect()))
    }

    /// Removes the directory, if it exists.
    pub fn remove(&self) {
        // An error means that it does not exist.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.remove();
    }
}

const ROLE: &str = "SEGMENT_ROLE";
const DIRECTORY: &str = "SEGMENT_DIRECTORY";

/// The script of a shell that [`set_role`] has prepared: it runs the program `$0` in its role.
pub const EXEC: &str = "exec \"$0\" --exact entry_point_of_child_processes --nocapture";

/// Returns the role and the directory of this process. `None` means that this process runs the
/// tests.
///
/// # Panics
///
/// If a role has no directory.
pub fn role() -> Option<(String, String)> {
    Some((env::var(ROLE).ok()?, env::var(DIRECTORY).expect("set_role sets it")))
}

/// Sets the variables that name the role of a process, and reads its output.
pub fn set_role<'a>(
    command: &'a mut Command,
    role: &str,
    directory: impl Into<PathBuf>,
) -> &'a mut Command {
    command.env(ROLE, role).env(DIRECTORY, directory.into()).stdout(Stdio::piped())
}

/// Returns the path of this program.
///
/// # Panics
///
/// If the program was removed.
pub fn program() -> PathBuf {
    env::current_exe().expect("this program")
}

/// Returns the command that starts this program again, in a role.
///
/// # Panics
///
/// As [`program`].
pub fn command(role: &str, directory: &Directory) -> Command {
    let mut command = Command::new(program());
    command.args(["--exact", "entry_point_of_child_processes", "--nocapture"]);
    set_role(&mut command, role, &directory.0);
    command
}

/// The signal that ends a process at once.
const SIGKILL: i32 = 9;

/// Runs a command to its end, which may be SIGKILL. Returns what it printed with [`show`].
///
/// # Panics
///
/// If it fails.
pub fn run_command(command: &mut Command) -> String {
    let output = command.output().expect("started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_killed = output.status.signal() == Some(SIGKILL);
    assert!(output.status.success() || is_killed, "{}: {text}", output.status);
    let between = text.split_once("<<<").and_then(|(_, text)| text.split_once(">>>"));
    between.map_or(String::new(), |(text, _)| text.to_owned())
}

/// Runs a role to its end, as [`run_command`] does.
///
/// # Panics
///
/// If it fails.
pub fn run(role: &str, directory: &Directory) -> String {
    run_command(&mut command(role, directory))
}

/// Prints a text for the process that runs the tests. The harness prints other lines around it.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub fn show(text: &str) {
    println!("<<<{text}>>>");
}

/// Returns the value of a series in an exposition.
pub fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(series))?;
    line.rsplit(' ').next()?.parse().ok()
}
