//! Registries, endpoints and gateways that several tests start from.

use dataclay_metrics_core::exposition::{Gateway, GroupingKey, HttpExporter};
use dataclay_metrics_core::{Counter, Registry, Value};

use crate::get;

/// Makes a registry with the counter `hits`, and adds `count` to the counter.
///
/// # Panics
///
/// If a name is refused.
pub fn registry_with_hits(count: u64) -> (Registry, Counter) {
    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("a valid name");
    registry.register(&hits).expect("the first");
    hits.inc_by(count);
    (registry, hits)
}

/// Starts an endpoint, and returns it with its address. Its thread runs, and so has its name.
///
/// # Panics
///
/// If no port is free.
pub fn serve(registry: Registry) -> (HttpExporter, String) {
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    get(&address, "/-/healthy");
    (exporter, address)
}

/// Makes the destination for a group of the job `test`, at a gateway that may not exist.
///
/// # Panics
///
/// If the address is not valid.
pub fn group(gateway: &str, instance: &str) -> Gateway {
    let key = GroupingKey::new("test").expect("a job").label("instance", instance);
    Gateway::new(gateway, &key.expect("a label")).expect("an address")
}

/// Returns a value as the number that a reader of the text sees.
pub fn number(value: Value) -> f64 {
    match value {
        Value::Integer(count) => count as f64,
        Value::Float(number) => number,
    }
}
