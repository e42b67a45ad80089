//! A process that a test starts and gives commands on stdin.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};

use dataclay_metrics_tests::processes::{Directory, command};

/// A process of the identity `test`, `siblings`.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    pub(crate) fn start(directory: &Directory, variables: &[(&str, &str)]) -> Process {
        let mut child = command("any", directory)
            .env("DATACLAY_METRICS_DIR", &directory.0)
            .env("DATACLAY_METRICS_JOB", "test")
            .env("DATACLAY_METRICS_INSTANCE", "siblings")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut process = Process { stdin: child.stdin.take(), child, lines };
        assert_eq!(process.answer(), "started");
        process
    }

    fn answer(&mut self) -> String {
        let shown = self.lines.find_map(|line| {
            let line = line.expect("a line");
            line.split_once("<<<").map(|(_, shown)| shown.to_owned())
        });
        shown.expect("an answer")
    }

    pub(crate) fn ask(&mut self, what: &str) -> String {
        writeln!(self.stdin.as_mut().expect("open"), "{what}").expect("sent");
        self.answer()
    }

    pub(crate) fn count(&mut self, amount: u64) {
        assert_eq!(self.ask(&format!("count {amount}")), "counted");
    }

    /// Ends the process in order.
    pub(crate) fn end(mut self) {
        self.stdin = None;
        assert!(self.child.wait().expect("ended").success());
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

/// Sets what the function of the gauge `depth` returns.
pub(crate) fn set_depth(process: &mut Process, value: u64) {
    assert_eq!(process.ask(&format!("function {value}")), "set");
}
