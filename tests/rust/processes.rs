//! Processes of a test: the test program again, with a variable that selects what each does.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A directory in tmpfs, removed at the end.
#[derive(Debug)]
pub struct Directory(pub PathBuf);

impl Directory {
    /// Returns the path of a directory that does not exist.
    pub fn new(name: &str) -> Directory {
        let path = format!("/dev/shm/dataclay-metrics-test-{name}-{}", std::process::id());
        let _ = std::fs::remove_dir_all(&path);
        Directory(path.into())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The name of the test that only plays the role that [`command`] sets.
pub const PROCESS: &str = "a_process_of_the_tests";

/// Returns the command that starts this program again, in the role that `SEGMENT_ROLE` names.
///
/// # Panics
///
/// If the program is not there any more.
pub fn command(role: &str, directory: &Directory) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--exact", PROCESS, "--nocapture"]);
    command.env("SEGMENT_ROLE", role).env("SEGMENT_DIRECTORY", &directory.0);
    command.stdout(Stdio::piped());
    command
}

/// The signal that ends a process at once.
const SIGKILL: i32 = 9;

/// Runs a command to its end, which may be SIGKILL. Returns what it has shown between `<<<` and
/// `>>>`.
///
/// # Panics
///
/// If it fails.
pub fn shown(command: &mut Command) -> String {
    let output = command.output().expect("started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let killed = output.status.signal() == Some(SIGKILL);
    assert!(output.status.success() || killed, "{}: {text}", output.status);
    let between = text.split_once("<<<").and_then(|(_, text)| text.split_once(">>>"));
    between.map_or(String::new(), |(text, _)| text.to_owned())
}

/// Runs a role to its end, as [`shown`] does.
///
/// # Panics
///
/// If it fails.
pub fn run(role: &str, directory: &Directory) -> String {
    shown(&mut command(role, directory))
}

/// Returns the value of a series in an exposition.
pub fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(series))?;
    line.rsplit(' ').next()?.parse().ok()
}
