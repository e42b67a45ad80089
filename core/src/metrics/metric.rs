//! What a family asks of its children.

use std::fmt;

use crate::model::desc::{Desc, Kind};
use crate::model::error::Error;
use crate::model::labels::Labels;
use crate::model::snapshot::Value;

/// A metric that can be the child of a [`Family`](crate::Family): [`Counter`](crate::Counter) and
/// [`Gauge`](crate::Gauge).
pub trait Metric: Clone + fmt::Debug + Send + Sync + 'static + sealed::Metric {}

pub(crate) mod sealed {
    use super::{Desc, Error, Kind, Labels, Value};

    /// What a family asks of its children.
    pub trait Metric: Sized {
        const KIND: Kind;

        /// A new one, at zero.
        fn with_desc(desc: Desc) -> Result<Self, Error>;

        fn desc(&self) -> &Desc;

        /// What the thread remembers. Nothing unless a metric says otherwise: a gauge's callback
        /// may hold what must not live on in another thread.
        fn recall(_stamp: u64, _hash: u64, _same: impl FnOnce(&Labels) -> bool) -> Option<Self> {
            None
        }

        fn remember(&self, _stamp: u64, _hash: u64) {}

        /// What a gather sees; `None` leaves the child out.
        fn sample(&self) -> Option<Value>;

        /// The same of many.
        fn samples<'a>(metrics: impl ExactSizeIterator<Item = &'a Self>) -> Vec<Option<Value>>
        where
            Self: 'a,
        {
            metrics.map(Self::sample).collect()
        }
    }
}
