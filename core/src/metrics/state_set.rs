//! A state set: which of a few states is active.

use std::sync::Arc;

use crate::fork::section;
use crate::metrics::metric::{self, sealed};
use crate::metrics::opts::Opts;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::layout::{Layout, Part, PartLabel};
use crate::model::names::check_label_name;
use crate::model::value::Value;
use crate::sync::{AtomicUsize, Ordering};

/// One of a few states, such as that of a job. Clones are the same state set.
///
/// Each state has a sample, which is 1 for the active one and 0 for the others. The label of the
/// state has the name of the metric. `prometheus_client` calls this metric type `Enum`.
///
/// ```
/// use dataclay_metrics_core::{Opts, Registry, StateSet, encode};
///
/// let job = Opts::new("job_state", "What the job does").states(["waiting", "running"]);
/// let job = StateSet::with_opts(job)?;
/// let registry = Registry::new();
/// registry.register(&job)?;
/// assert_eq!(job.state(), "waiting");
/// job.set("running")?;
/// assert!(encode::text(&registry.gather()).ends_with(
///     "job_state{job_state=\"waiting\"} 0\njob_state{job_state=\"running\"} 1\n"
/// ));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StateSet(Arc<State>);

#[derive(Debug)]
struct State {
    desc: Desc,
    layout: Layout,
    states: States,
    active: AtomicUsize,
}

/// The options of only a state set: its states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct States(Arc<[String]>);

impl Opts<States> {
    /// Sets the states, at least one. The first one is active when the metric is made.
    #[must_use]
    pub fn states<S: Into<String>>(mut self, states: impl IntoIterator<Item = S>) -> Opts<States> {
        self.own = States(states.into_iter().map(Into::into).collect());
        self
    }
}

impl StateSet {
    /// Makes a state set, in no registry yet. Its first state is active.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty, or if there is a unit.
    /// [`Error::Label`] if the name begins with `__`, or if it is the name of a constant label.
    /// [`Error::Setting`] if there is no state, if one occurs twice, or if `max_children` is set.
    pub fn with_opts(opts: Opts<States>) -> Result<StateSet, Error> {
        metric::plain(opts)
    }

    /// Sets the active state.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if there is no such state. The active state does not change.
    pub fn set(&self, state: &str) -> Result<(), Error> {
        let Some(at) = self.states().iter().position(|one| one == state) else {
            let rule =
                format!("is none of the states of {}: {}", self.name(), self.states().join(", "));
            return Err(Error::Setting { name: "state".into(), value: state.to_owned(), rule });
        };
        self.0.active.store(at, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the active state.
    pub fn state(&self) -> &str {
        &self.states()[self.0.active.load(Ordering::Relaxed)]
    }

    /// Returns all states.
    pub fn states(&self) -> &[String] {
        &self.0.states.0
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.0.desc.name()
    }

    /// Returns the description.
    pub fn desc(&self) -> &Desc {
        &self.0.desc
    }
}

impl sealed::Metric for StateSet {
    const KIND: Kind = Kind::StateSet;

    type Options = States;

    fn layout_for(desc: &Desc, States(states): &States) -> Result<Layout, Error> {
        check_label_name(desc.name())?;
        let refused = |value: &str, rule: &str| {
            let value = value.to_owned();
            Err(Error::Setting { name: "states".into(), value, rule: rule.into() })
        };
        if states.is_empty() {
            return refused("", "a state set has at least one state");
        }
        if let Some(at) = (1..states.len()).find(|at| states[..*at].contains(&states[*at])) {
            return refused(&states[at], "a state must occur only once");
        }
        let part = |state: &String| {
            let label = Some(PartLabel::Text(desc.name().to_owned(), state.clone()));
            Part { suffix: "", label }
        };
        Ok(Layout::new(states.iter().map(part)))
    }

    fn make(desc: Desc, layout: &Layout, states: &States) -> Result<StateSet, Error> {
        section::install();
        let (layout, states, active) = (layout.clone(), states.clone(), AtomicUsize::new(0));
        Ok(StateSet(Arc::new(State { desc, layout, states, active })))
    }

    fn desc(&self) -> &Desc {
        &self.0.desc
    }

    fn layout(&self) -> &Layout {
        &self.0.layout
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R {
        let active = self.0.active.load(Ordering::Relaxed);
        let value = |at| Some(Value::Integer(u64::from(at == active)));
        take(&(0..self.states().len()).map(value).collect::<Vec<_>>())
    }
}
