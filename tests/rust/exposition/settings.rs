//! Exporters that settings start.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use dataclay_metrics_core::Settings;
use dataclay_metrics_core::exposition::{Exporter, PORT_RANGE, default_instance};
use dataclay_metrics_tests::fixtures::registry_with_hits;
use dataclay_metrics_tests::{Pushgateway, STOP_TIMEOUT, get, wait_for};

/// Makes the settings of these variables.
fn settings(variables: &[(&str, &str)]) -> Settings {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.into())
    };
    Settings::from_lookup(lookup).expect("valid settings")
}

#[test]
fn settings_start_a_scrape_endpoint_in_the_port_range() {
    let (registry, _) = registry_with_hits(3);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let variables =
        [("DATACLAY_METRICS_HOST", "127.0.0.1"), ("DATACLAY_METRICS_PORT", &port.to_string())];
    let exporter = Exporter::from_settings(registry, &settings(&variables)).expect("started");
    let real = exporter.port().expect("a port");
    assert!((port + 1..port + PORT_RANGE).contains(&real), "{port}: {real}");
    assert_eq!(exporter.url(), Some(format!("http://127.0.0.1:{real}/metrics")));
    assert!(get(&format!("127.0.0.1:{real}"), "/metrics").ends_with("hits_total 3\n"));
    exporter.stop(Duration::ZERO).expect("stopped");
    assert!(
        TcpStream::connect(("127.0.0.1", real)).is_err(),
        "the port is still open after the stop"
    );
}

/// Makes settings that push to this gateway at the shortest interval.
fn push_settings(gateway: &Pushgateway, on_exit: &str) -> Settings {
    settings(&[
        ("DATACLAY_METRICS_EXPORTER", "pushgateway"),
        ("DATACLAY_METRICS_HOST", "127.0.0.1"),
        ("DATACLAY_METRICS_PORT", &gateway.port().to_string()),
        ("DATACLAY_METRICS_PUSH_INTERVAL", "0.1"),
        ("DATACLAY_METRICS_ON_EXIT", on_exit),
    ])
}

#[test]
fn settings_start_a_push_thread_with_the_default_instance() {
    let gateway = Pushgateway::start();
    let (registry, hits) = registry_with_hits(3);
    let mut settings = push_settings(&gateway, "keep");
    settings.service = Some("backend".into());
    let exporter = Exporter::from_settings(registry, &settings).expect("started");
    let instance = default_instance();
    let path = format!("/metrics/job/dataclay/instance/{instance}/service/backend");
    assert_eq!(exporter.url(), Some(format!("http://{}{path}", gateway.address)));
    assert_eq!(exporter.port(), None);
    let instance = format!("instance=\"{instance}\"");
    wait_for("the first push", || gateway.sample("hits_total{", &instance) == Some(3.0));
    hits.inc();
    wait_for("the next push", || gateway.sample("hits_total{", &instance) == Some(4.0));
    hits.inc();
    exporter.stop(STOP_TIMEOUT).expect("the last push");
    assert_eq!(gateway.sample("hits_total{", &instance), Some(5.0));
}

#[test]
fn a_setting_makes_the_exporter_delete_its_group() {
    let gateway = Pushgateway::start();
    let pushed = || gateway.sample("hits_total{", "job=\"dataclay\"");
    let ends: [fn(Exporter); 2] = [|exporter| exporter.stop(STOP_TIMEOUT).expect("deleted"), drop];
    for end in ends {
        let (registry, _) = registry_with_hits(3);
        let exporter = Exporter::from_settings(registry, &push_settings(&gateway, "delete"));
        let exporter = exporter.expect("started");
        wait_for("the first push", || pushed() == Some(3.0));
        end(exporter);
        // The gateway deletes the group after its response.
        wait_for("the deletion", || pushed().is_none());
    }
}

#[test]
fn settings_disable_the_exporter() {
    for variable in [("DATACLAY_METRICS", "false"), ("DATACLAY_METRICS_EXPORTER", "none")] {
        let (registry, _) = registry_with_hits(0);
        let exporter =
            Exporter::from_settings(registry, &settings(&[variable])).expect("no exporter");
        assert!(matches!(exporter, Exporter::None), "{exporter:?}");
        assert_eq!((exporter.url(), exporter.port()), (None, None));
        exporter.stop(Duration::ZERO).expect("nothing to stop");
    }
}
