//! What a family asks of its children.

use std::fmt;

use crate::metrics::family::recent::Recent;
use crate::model::desc::{Desc, Kind};
use crate::model::error::Error;
use crate::model::snapshot::Value;

/// A metric that can be the child of a [`Family`](crate::Family): [`Counter`](crate::Counter) and
/// [`Gauge`](crate::Gauge).
pub trait Metric: Clone + fmt::Debug + Send + Sync + 'static + sealed::Metric {}

pub(crate) mod sealed {
    use std::thread::LocalKey;

    use super::{Desc, Error, Kind, Recent, Value};

    /// What a family asks of its children.
    pub trait Metric: Clone {
        const KIND: Kind;

        /// A new one, at zero.
        fn with_desc(desc: Desc) -> Result<Self, Error>;

        fn desc(&self) -> &Desc;

        /// Returns the calling thread's cache of children of this type. `None` for types whose
        /// metrics may hold a function of the application: a cache would keep it alive after
        /// its child was removed.
        #[inline]
        fn recent() -> Option<&'static LocalKey<Recent<Self>>> {
            None
        }

        /// Returns the same metric for a thread's cache: with a reference count of its own.
        fn with_own_refcount(&self) -> Self;

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
