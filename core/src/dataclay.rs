//! The five metrics of dataClay, and which service exports which of them.

use std::str::FromStr;

use crate::metrics::counter::Counter;
use crate::metrics::gauge::Gauge;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::registry::collector::Collector;

/// The five metrics, under the names and help texts that dataClay 4.3.1 documents.
#[derive(Clone, Debug)]
pub struct DataClay {
    /// `dataclay_inmemory_objects`: number of objects in memory.
    pub inmemory_objects: Gauge,
    /// `dataclay_loaded_objects`: number of loaded objects.
    pub loaded_objects: Gauge,
    /// `dataclay_stored_objects`: number of stored objects.
    pub stored_objects: Gauge,
    /// `dataclay_inmemory_misses_total`: lookups of an object that was not in memory.
    pub inmemory_misses_total: Counter,
    /// `dataclay_inmemory_hits_total`: lookups of an object that was in memory.
    pub inmemory_hits_total: Counter,
}

/// The role of a process in a dataClay deployment. The role decides which of the five metrics the
/// process exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All five.
    Backend,
    /// The objects in memory, the misses and the hits.
    Client,
    /// None of the five.
    Metadata,
    /// None of the five.
    Proxy,
}

impl FromStr for Role {
    type Err = Error;

    /// Parses dataClay's `service_name`.
    fn from_str(name: &str) -> Result<Role, Error> {
        match name {
            "backend" => Ok(Role::Backend),
            "client" => Ok(Role::Client),
            "metadata" => Ok(Role::Metadata),
            "proxy" => Ok(Role::Proxy),
            _ => Err(Error::Setting {
                name: "service_name".into(),
                value: name.into(),
                rule: "must be backend, client, metadata or proxy".into(),
            }),
        }
    }
}

impl DataClay {
    /// Makes the five metrics at zero, in no registry yet.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyCounters`] if the process has no room for two more counters.
    pub fn new() -> Result<DataClay, Error> {
        Ok(DataClay {
            inmemory_objects: Gauge::new(
                "dataclay_inmemory_objects",
                "Number of objects in memory",
            )?,
            loaded_objects: Gauge::new("dataclay_loaded_objects", "Number of loaded objects")?,
            stored_objects: Gauge::new("dataclay_stored_objects", "Number of stored objects")?,
            inmemory_misses_total: Counter::new(
                "dataclay_inmemory_misses_total",
                "Number of inmemory misses",
            )?,
            inmemory_hits_total: Counter::new(
                "dataclay_inmemory_hits_total",
                "Number of inmemory hits",
            )?,
        })
    }

    /// Registers the metrics that `role` exports.
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`] if the registry has one of them already. Nothing is registered then.
    pub fn register(&self, role: Role, registry: &Registry) -> Result<(), Error> {
        let (gauges, counters) = (self.gauges(), self.counters());
        let (gauges, counters) = match role {
            Role::Backend => (&gauges[..], &counters[..]),
            Role::Client => (&gauges[..1], &counters[..]),
            Role::Metadata | Role::Proxy => return Ok(()),
        };
        register_all(gauges, registry)?;
        register_all(counters, registry).inspect_err(|_| unregister_all(gauges, registry))
    }

    /// Unregisters the five metrics, as far as they are in `registry`.
    pub fn unregister(&self, registry: &Registry) {
        unregister_all(&self.gauges(), registry);
        unregister_all(&self.counters(), registry);
    }

    /// Returns the gauges. Only a backend exports all; a client exports the first.
    fn gauges(&self) -> [&Gauge; 3] {
        [&self.inmemory_objects, &self.loaded_objects, &self.stored_objects]
    }

    fn counters(&self) -> [&Counter; 2] {
        [&self.inmemory_misses_total, &self.inmemory_hits_total]
    }
}

/// Registers all of these metrics, or none.
fn register_all<C: Collector + Clone>(metrics: &[&C], registry: &Registry) -> Result<(), Error> {
    for (at, metric) in metrics.iter().enumerate() {
        registry.register(*metric).inspect_err(|_| unregister_all(&metrics[..at], registry))?;
    }
    Ok(())
}

/// Unregisters those of the metrics that are registered.
fn unregister_all<C: Collector>(metrics: &[&C], registry: &Registry) {
    for metric in metrics {
        // An error means that the metric is not registered.
        let _ = registry.unregister(*metric);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(role: &str) -> Vec<String> {
        let registry = Registry::new();
        let metrics = DataClay::new().expect("room");
        metrics.register(role.parse().expect("a role"), &registry).expect("nothing registered");
        let names = registry.gather().iter().map(|family| family.name().to_owned()).collect();
        metrics.unregister(&registry);
        assert!(registry.gather().is_empty());
        names
    }

    #[test]
    fn each_role_registers_its_metrics() {
        let client = [
            "dataclay_inmemory_objects",
            "dataclay_inmemory_misses_total",
            "dataclay_inmemory_hits_total",
        ];
        assert_eq!(exported("client"), client);
        assert_eq!(exported("backend").len(), 5);
        assert!(exported("metadata").is_empty());
        assert!(exported("proxy").is_empty());
        assert!("Backend".parse::<Role>().is_err());
    }

    #[test]
    fn a_refused_role_registers_nothing_and_keeps_what_was_registered() {
        let names = |registry: &Registry| -> Vec<String> {
            registry.gather().iter().map(|family| family.name().to_owned()).collect()
        };
        let (registry, metrics) = (Registry::new(), DataClay::new().expect("room"));
        let hits = Counter::new("dataclay_inmemory_hits", "Another counter").expect("valid");
        registry.register(&hits).expect("a new name");
        metrics.register(Role::Backend, &registry).expect_err("a second counter");
        assert_eq!(names(&registry), ["dataclay_inmemory_hits_total"]);

        let registry = Registry::new();
        metrics.register(Role::Client, &registry).expect("new names");
        let registered = names(&registry);
        metrics.register(Role::Backend, &registry).expect_err("the same metrics");
        assert_eq!(names(&registry), registered);
    }
}
