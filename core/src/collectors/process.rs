//! The `process_*` families: what `/proc` tells of a process, on Linux.

use std::sync::Arc;

use procfs::process::Process;
use prometheus::core::Collector as _;
use prometheus::process_collector::ProcessCollector;

use crate::collectors::prometheus_model::from_prometheus;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::labels::Labels;
use crate::model::names::check_metric_name;
use crate::model::snapshot::{MetricFamily, Sample, Value};
use crate::registry::collector::Collector;
use crate::sync::locks::RwLock;

/// CPU time, memory, file descriptors, threads and start time of a process, as the `prometheus`
/// crate's `ProcessCollector` reads them; but CPU and start time to the kernel's tick (10 ms), of
/// which that shows whole seconds. Nothing at all of a process that does not exist. Clones are the
/// same collector.
#[derive(Clone, Debug, Default)]
pub struct ProcessMetrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// `None` for whichever process asks.
    pid: Option<i32>,
    namespace: String,
    current: RwLock<Option<Arc<OfPid>>>,
}

/// The collector of one process.
#[derive(Debug)]
struct OfPid {
    pid: i32,
    collector: ProcessCollector,
    /// Seconds since 1970; read once, because it never changes and takes most of the time.
    started: Option<f64>,
}

impl ProcessMetrics {
    /// Of this process, and in a forked child of that one. Reads nothing until it is described or
    /// collected.
    pub fn new() -> ProcessMetrics {
        ProcessMetrics::default()
    }

    /// Of the process `pid`, or of this one, under names that begin with `namespace` and `_` unless
    /// that is empty.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the namespace cannot begin a name.
    pub fn of(pid: Option<i32>, namespace: &str) -> Result<ProcessMetrics, Error> {
        if !namespace.is_empty() {
            check_metric_name(namespace)?;
        }
        Ok(ProcessMetrics::named(pid, namespace))
    }

    fn named(pid: Option<i32>, namespace: &str) -> ProcessMetrics {
        let namespace = namespace.to_owned();
        ProcessMetrics(Arc::new(Inner { pid, namespace, current: RwLock::default() }))
    }

    /// The collector of the process that is meant: a forked child must not export its parent's
    /// numbers.
    fn current(&self) -> Arc<OfPid> {
        #[expect(clippy::cast_possible_wrap, reason = "a pid_t, which the system has as an i32")]
        let pid = self.0.pid.unwrap_or(std::process::id() as i32);
        let current = self.0.current.read().clone();
        if let Some(current) = current.filter(|current| current.pid == pid) {
            return current;
        }
        let new = Arc::new(OfPid {
            pid,
            collector: ProcessCollector::new(pid, self.0.namespace.as_str()),
            started: started(pid),
        });
        let mut slot = self.0.current.write();
        *slot = Some(Arc::clone(&new));
        new
    }
}

fn started(pid: i32) -> Option<f64> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    let boot = procfs::boot_time_secs().ok()?;
    Some(boot as f64 + stat.starttime as f64 / procfs::ticks_per_second() as f64)
}

/// User and system time in seconds.
fn cpu_seconds(pid: i32) -> Option<f64> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    Some((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

impl Collector for ProcessMetrics {
    fn describe(&self) -> Vec<Desc> {
        // Of a process that certainly exists: the names are the same.
        let own = ProcessMetrics::named(None, &self.0.namespace);
        own.collect().iter().map(|family| family.desc().clone()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let current = self.current();
        let mut families: Vec<MetricFamily> =
            current.collector.collect().iter().map(from_prometheus).collect();
        for family in &mut families {
            let exact = if family.name().ends_with("process_cpu_seconds_total") {
                cpu_seconds(current.pid)
            } else if family.name().ends_with("process_start_time_seconds") {
                current.started
            } else {
                None
            };
            if let Some(number) = exact {
                let (labels, value) = (Labels::default(), Value::Float(number));
                family.samples = vec![Sample { suffix: "", labels, value }].into();
            }
        }
        families
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}
