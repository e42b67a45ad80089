//! The `process_*` families: what `/proc` shows about a process, on Linux.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::count::choice;
use crate::count::memory::page_size;
use crate::count::segment::exported;
use crate::model::desc::Desc;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::Layout;
use crate::model::snapshot::MetricFamily;
use crate::model::value::Value;
use crate::registry::call::Call;
use crate::registry::collector::Collector;
use crate::sync::locks::Mutex;

/// Collects CPU time, memory, file descriptors, threads and start time of a process. CPU and start
/// time are exact to the kernel's tick, 10 ms. Yields nothing if the process does not exist. Also
/// yields nothing if the process counts in a segment with other processes, unless
/// [`Settings::is_single`](crate::Settings::is_single). Clones are the same collector.
///
/// ```
/// use dataclay_metrics_core::{Registry, encode::Format, process::ProcessMetrics};
///
/// let registry = Registry::new();
/// registry.register(&ProcessMetrics::new())?;
/// assert!(registry.encode(Format::Text).contains("\nprocess_threads "));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProcessMetrics(Arc<State>);

#[derive(Debug)]
struct State {
    /// `None` for the calling process.
    pid: Option<i32>,
    /// The path of `/proc`.
    proc: PathBuf,
    descs: [Desc; 7],
    /// The process that was read last, and its start in seconds since 1970. The start is kept
    /// because it never changes, and takes longer to read than all other values.
    start: Mutex<Option<(i32, f64)>>,
}

/// The number of ticks per second of the kernel: `USER_HZ`. It is 100 on each processor that `std`
/// supports on Linux (`include/uapi/asm-generic/param.h` of the kernel).
const TICKS: f64 = 100.0;
/// The index of the process's start among the values.
const START: usize = 5;

/// Kind, name and help of the families, in the order of `State::values`.
const FAMILIES: [(Kind, &str, &str); 7] = [
    (
        Kind::Counter,
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
    ),
    (Kind::Gauge, "process_open_fds", "Number of open file descriptors."),
    (Kind::Gauge, "process_max_fds", "Maximum number of open file descriptors."),
    (Kind::Gauge, "process_virtual_memory_bytes", "Virtual memory size in bytes."),
    (Kind::Gauge, "process_resident_memory_bytes", "Resident memory size in bytes."),
    (
        Kind::Gauge,
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
    ),
    (Kind::Gauge, "process_threads", "Number of OS threads in the process."),
];

impl ProcessMetrics {
    /// Returns the collector of the calling process. In a forked child it collects the child.
    pub fn new() -> ProcessMetrics {
        ProcessMetrics::of(None, "")
    }

    /// Returns the collector of the process `pid`, or of the calling process. All names begin with
    /// `namespace` and `_`, unless it is empty.
    pub fn of(pid: Option<i32>, namespace: &str) -> ProcessMetrics {
        ProcessMetrics::at("/proc", pid, namespace)
    }

    /// Returns the collector that reads `proc` instead of `/proc`, such as the `/proc` of the host
    /// in a container.
    pub fn at(proc: impl Into<PathBuf>, pid: Option<i32>, namespace: &str) -> ProcessMetrics {
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}_") };
        let descs = FAMILIES.map(|(kind, name, help)| {
            Desc::unchecked(kind, format!("{prefix}{name}"), help.to_owned(), Labels::default())
        });
        ProcessMetrics(Arc::new(State { pid, proc: proc.into(), descs, start: Mutex::new(None) }))
    }
}

impl State {
    /// Returns the start of the process, which is read once.
    fn start(&self, pid: i32, ticks: u64) -> Option<f64> {
        let mut known = self.start.lock();
        if let Some((_, start)) = known.filter(|(of, _)| *of == pid) {
            return Some(start);
        }
        let boot = self.boot_seconds()?;
        let start = boot + seconds(ticks);
        *known = Some((pid, start));
        Some(start)
    }

    /// Returns when the system started, in seconds of Unix time.
    fn boot_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(self.proc.join("stat")).ok()?;
        stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
    }

    /// Returns how many descriptors a process has open, or `None` if this process may not read
    /// that.
    fn open_descriptors(&self, folder: &Path) -> Option<u64> {
        // Since Linux 6.2, the size of the directory is that number, so the directory is not
        // opened. In a copy of /proc the size is different.
        match folder.metadata().ok()?.len() {
            count if count > 0 && self.proc == Path::new("/proc") => Some(count),
            _ => std::fs::read_dir(folder).ok().map(|open| open.count() as u64),
        }
    }

    /// Returns the values now, in the order of [`FAMILIES`]; `None` if there is no such process.
    ///
    /// The number of open descriptors and their maximum are absent if this process may not read
    /// them. The maximum is 0 if there is none.
    #[expect(clippy::cast_possible_wrap, reason = "a pid_t, which the system has as an i32")]
    fn values(&self) -> Option<[Option<f64>; 7]> {
        // The id is requested each time, because a forked child must not export the values of its
        // parent.
        let pid = self.pid.unwrap_or_else(|| std::process::id() as i32);
        let process = self.proc.join(pid.to_string());
        let stat = Stat::read(&process.join("stat"))?;
        Some([
            Some(seconds(stat.cpu)),
            self.open_descriptors(&process.join("fd")).map(|count| count as f64),
            max_descriptors(&process.join("limits")),
            Some(stat.virtual_bytes as f64),
            Some(stat.resident_pages as f64 * page_size() as f64),
            self.start(pid, stat.start),
            Some(stat.threads as f64),
        ])
    }
}

/// The fields of `/proc/PID/stat` that are exposed; times are in ticks. The manual page
/// `proc_pid_stat(5)` numbers the fields from 1.
struct Stat {
    cpu: u64,
    threads: u64,
    start: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn read(file: &Path) -> Option<Stat> {
        Stat::parse(&String::from_utf8_lossy(&std::fs::read(file).ok()?))
    }

    fn parse(text: &str) -> Option<Stat> {
        /// The number of the first field after the name of the program, which is in parentheses.
        const FIRST: usize = 3;
        // The name may itself have spaces and parentheses.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - FIRST)?.parse::<u64>().ok();
        Some(Stat {
            cpu: number(14)?.saturating_add(number(15)?),
            threads: number(20)?,
            start: number(22)?,
            virtual_bytes: number(23)?,
            resident_pages: number(24)?,
        })
    }
}

/// Returns the soft limit of open descriptors, 0 if there is none.
fn max_descriptors(limits: &Path) -> Option<f64> {
    let limits = std::fs::read_to_string(limits).ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match limit.split_whitespace().next()? {
        "unlimited" => Some(0.0),
        soft => soft.parse().ok(),
    }
}

/// Converts the kernel's ticks to seconds.
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS
}

impl Default for ProcessMetrics {
    fn default() -> ProcessMetrics {
        ProcessMetrics::new()
    }
}

impl Collector for ProcessMetrics {
    fn describe(&self) -> Vec<Desc> {
        self.0.descs.to_vec()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if self.0.pid.is_none() && choice::is_segment() && !exported::is_single() {
            return Vec::new();
        }
        let values = self.0.values();
        let start = values.as_ref().and_then(|values| values[START]);
        let start = start.and_then(|start| Duration::try_from_secs_f64(start).ok());
        let start = start.and_then(|start| SystemTime::UNIX_EPOCH.checked_add(start));
        let family = |(desc, value): (&Desc, Option<f64>)| {
            let value = [Some(Value::Float(value?))];
            let created = start.filter(|_| desc.kind() == Kind::Counter);
            Some(MetricFamily::for_metric(desc, &Layout::SINGLE, created, &value))
        };
        values.map_or_else(Vec::new, |values| {
            self.0.descs.iter().zip(values).filter_map(family).collect()
        })
    }

    fn describes_all(&self) -> bool {
        true
    }

    /// Yields no function, because reading files of `/proc` does not block.
    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let numbers: Vec<String> = (4..=52).map(|number| number.to_string()).collect();
        let fields = numbers.join(" ");
        for name in ["a", "", ") R 1 (", "a b) ", "\u{fffd}\n"] {
            let stat = Stat::parse(&format!("7 ({name}) S {fields}\n")).expect("valid");
            let Stat { cpu, threads, start, virtual_bytes, resident_pages } = stat;
            let found = (cpu, threads, start, virtual_bytes, resident_pages);
            assert_eq!(found, (14 + 15, 20, 22, 23, 24), "{name:?}");
        }
        for wrong in ["", "7 a S 1 2", "7 (a) S 4 5", &format!("7 (a) {fields}x")[..20]] {
            assert!(Stat::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
