use super::*;

fn settings(variables: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::from_lookup(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    })
}

#[test]
fn defaults_depend_on_the_exporter() {
    let http = settings(&[]).expect("defaults");
    assert_eq!((http.exporter, http.host(), http.port()), (ExporterKind::Http, "0.0.0.0", 8000));
    assert_eq!((http.enabled, http.push_interval.as_secs()), (None, 10));
    let push = settings(&[("DATACLAY_METRICS_EXPORTER", "pushgateway")]).expect("valid");
    assert_eq!((push.host(), push.port(), push.job.as_str()), ("localhost", 9091, "dataclay"));
}

#[test]
fn an_endpoint_has_the_settings_of_the_variables() {
    let own = Settings::for_endpoint("::1", 0, "auto", Some("shop"), Some("till"));
    let runtime = std::env::var(RUNTIME_DIRECTORY).unwrap_or_default();
    let variables = settings(&[
        ("DATACLAY_METRICS_HOST", "::1"),
        ("DATACLAY_METRICS_PORT", "0"),
        ("DATACLAY_METRICS_DIR", "auto"),
        ("DATACLAY_METRICS_JOB", "shop"),
        ("DATACLAY_METRICS_INSTANCE", "till"),
        (RUNTIME_DIRECTORY, &runtime),
    ]);
    let (own, variables) = (own.expect("valid"), variables.expect("valid"));
    assert!(!own.program.is_empty());
    assert_eq!(own, Settings { program: own.program.clone(), ..variables });

    let own = Settings::for_endpoint("::1", 0, "none", None, None).expect("valid");
    assert_eq!((own.job.as_str(), own.instance, own.is_unique), ("dataclay", None, false));
    let wrong = Settings::for_endpoint("::1", 0, "relative", None, None).expect_err("refused");
    assert!(wrong.to_string().starts_with("DATACLAY_METRICS_DIR=\"relative\": "), "{wrong}");
}

#[test]
fn a_host_or_a_port_overrides_the_variables_of_opentelemetry() {
    let otlp = ("DATACLAY_METRICS_EXPORTER", "otlp");
    let own = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    for (variables, endpoint) in [
        (&[otlp][..], "http://localhost:4318/v1/metrics"),
        (&[otlp, own], "http://collector:4318/v1/metrics"),
        (&[otlp, own, ("DATACLAY_METRICS_HOST", "::1")], "http://[::1]:4318/v1/metrics"),
        (&[otlp, own, ("DATACLAY_METRICS_PORT", "9")], "http://localhost:9/v1/metrics"),
    ] {
        assert_eq!(settings(variables).expect("valid").otlp_endpoint(), endpoint);
    }
    // Other exporters ignore the variable.
    assert!(settings(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_ok());
    assert!(settings(&[otlp, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_err());
}

#[test]
fn given_values_are_used() {
    let given = settings(&[
        ("DATACLAY_METRICS", "True"),
        ("DATACLAY_METRICS_EXPORTER", "http"),
        ("DATACLAY_METRICS_HOST", "::1"),
        ("DATACLAY_METRICS_PORT", "0"),
        ("DATACLAY_METRICS_PUSH_INTERVAL", "0.5"),
        ("DATACLAY_METRICS_DIR", "/dev/shm/a"),
    ])
    .expect("valid");
    assert_eq!(given.directory, SegmentDirectory::Path("/dev/shm/a".into()));
    assert_eq!(given.enabled, Some(true));
    assert_eq!((given.host(), given.port()), ("::1", 0));
    assert_eq!(given.push_interval, Duration::from_millis(500));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    for name in [
        "DATACLAY_METRICS",
        "DATACLAY_METRICS_EXPORTER",
        "DATACLAY_METRICS_HOST",
        "DATACLAY_METRICS_PORT",
        "DATACLAY_METRICS_PUSH_INTERVAL",
        "DATACLAY_METRICS_SCRAPE_TIMEOUT",
        "DATACLAY_METRICS_SCRAPE_MARGIN",
        "DATACLAY_METRICS_JOB",
        "DATACLAY_METRICS_INSTANCE",
        "DATACLAY_METRICS_DIR",
        "DATACLAY_METRICS_LAST_PUSH_TIMEOUT",
        "XDG_RUNTIME_DIR",
        "DATACLAY_METRICS_ON_EXIT",
        "DATACLAY_METRICS_PUSH_FORMAT",
        "DATACLAY_METRICS_CREATED",
    ] {
        assert_eq!(settings(&[(name, "")]), settings(&[]), "{name}");
    }
}

#[test]
fn no_error_shows_credentials() {
    for name in [
        "DATACLAY_METRICS",
        "DATACLAY_METRICS_HOST",
        "DATACLAY_METRICS_PORT",
        "DATACLAY_METRICS_ON_EXIT",
    ] {
        for value in ["http://user:secret@gateway", "gateway?key=secret"] {
            let message = settings(&[(name, value)]).expect_err(value).to_string();
            assert!(message.contains(name) && !message.contains("secret"), "{message}");
        }
    }
}

#[test]
fn the_error_for_an_invalid_value_names_variable_value_and_rule() {
    for (name, value, rule) in [
        ("DATACLAY_METRICS", "maybe", "true or false"),
        ("DATACLAY_METRICS_EXPORTER", "prometheus", "http, pushgateway, otlp or none"),
        ("DATACLAY_METRICS_HOST", "http://gateway:9091/", "without scheme"),
        ("DATACLAY_METRICS_PORT", "abc", "from 0 to 65535"),
        ("DATACLAY_METRICS_PORT", "99999", "from 0 to 65535"),
        ("DATACLAY_METRICS_PUSH_INTERVAL", "-5", "from 0.1 to 86400"),
        ("DATACLAY_METRICS_PUSH_INTERVAL", "NaN", "from 0.1 to 86400"),
        ("DATACLAY_METRICS_SCRAPE_TIMEOUT", "0", "from 0.1 to 3600"),
        ("DATACLAY_METRICS_SCRAPE_MARGIN", "-1", "from 0 to 60"),
        ("DATACLAY_METRICS_ON_EXIT", "drop", "keep or delete"),
        ("DATACLAY_METRICS_LAST_PUSH_TIMEOUT", "61", "from 0.1 to 60"),
        ("DATACLAY_METRICS_PUSH_FORMAT", "json", "text or protobuf"),
        ("DATACLAY_METRICS_CREATED", "often", "true or false"),
        ("DATACLAY_METRICS_DIR", "metrics", "auto, none or an absolute path"),
    ] {
        let message = settings(&[(name, value)]).expect_err(value).to_string();
        assert!(message.starts_with(&format!("{name}={value:?}: must be")), "{message}");
        assert!(message.contains(rule) && !message.contains('\n'), "{message}");
    }
    let port_zero = [("DATACLAY_METRICS_EXPORTER", "pushgateway"), ("DATACLAY_METRICS_PORT", "0")];
    assert!(settings(&port_zero).is_err());
}
