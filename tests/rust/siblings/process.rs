//! A process that a test starts, and that runs the commands that the test sends to its stdin.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};

use dataclay_metrics_tests::processes::{Directory, command};

/// A process of the job `test` and the instance `siblings`, unless its variables name another.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    pub(crate) fn start(directory: &Directory, variables: &[(&str, &str)]) -> Process {
        let mut child = command("exporter", directory)
            .env("DATACLAY_METRICS_DIR", &directory.0)
            .env("DATACLAY_METRICS_JOB", "test")
            .env("DATACLAY_METRICS_INSTANCE", "siblings")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut process = Process { stdin: child.stdin.take(), child, lines };
        assert_eq!(process.reply(), "started");
        process
    }

    fn reply(&mut self) -> String {
        let reply = self.lines.find_map(|line| {
            let line = line.expect("a line");
            line.split_once("<<<").map(|(_, reply)| reply.to_owned())
        });
        reply.expect("the process replies")
    }

    /// Sends a command, and returns the reply.
    pub(crate) fn send(&mut self, command: &str) -> String {
        writeln!(self.stdin.as_mut().expect("open"), "{command}").expect("sent");
        self.reply()
    }

    pub(crate) fn count(&mut self, amount: u64) {
        assert_eq!(self.send(&format!("count {amount}")), "counted");
    }

    /// Ends the process by the end of its stdin. Its exporter stops before.
    pub(crate) fn end(mut self) {
        self.stdin = None;
        assert!(self.child.wait().expect("ended").success());
    }

    /// Sets the value that the callback of the gauge `depth` returns.
    pub(crate) fn set_depth(&mut self, value: u64) {
        assert_eq!(self.send(&format!("callback {value}")), "set");
    }

    /// Registers a gauge whose callback never returns.
    pub(crate) fn hang(&mut self) {
        assert_eq!(self.send("hang"), "set");
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}
