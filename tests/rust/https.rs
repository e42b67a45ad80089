//! A real Pushgateway behind TLS: pushes reach it only if its certificate is trusted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dataclay_metrics_core::exposition::{Gateway, GroupingKey, OtlpEndpoint, PushExporter};
use dataclay_metrics_core::settings::Certificates;
use dataclay_metrics_core::{Counter, Gauge, Registry};
use dataclay_metrics_tests::{Pushgateway, free_port, wait_for};

/// Makes a self-signed certificate for 127.0.0.1, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (file, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=gateway"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), file.as_os_str()])
        .output()
        .expect("openssl on the PATH");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (file, key)
}

fn group(address: &str, job: &str) -> Gateway {
    Gateway::new(address, &GroupingKey::new(job).expect("a job")).expect("an address")
}

#[test]
fn a_trusted_gateway_behind_tls_is_pushed_to() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("https");
    fs::create_dir_all(&folder).expect("a folder");
    let (file, key) = certificate(&folder);
    let config = folder.join("web.yml");
    let text = format!(
        "tls_server_config:\n  cert_file: {}\n  key_file: {}\n",
        file.display(),
        key.display()
    );
    fs::write(&config, text).expect("written");
    let option = format!("--web.config.file={}", config.display());
    let gateway = Pushgateway::start_with(free_port(), &[&option]);
    let address = format!("https://{}", gateway.address);
    let pem = fs::read(&file).expect("read");
    let trusting = |job| group(&address, job).root_certificates(&pem).expect("a certificate");

    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("valid");
    registry.register(&hits).expect("the first");
    let error = group(&address, "stranger").push(&registry).expect_err("not Mozilla's").to_string();
    assert!(error.contains("certificate"), "{error}");
    trusting("first").push(&registry).expect("pushed");

    // The gateway holds the counter, so it refuses a gauge of that name, with its reason.
    let clash = Registry::new();
    let gauge = Gauge::new("hits_total", "Of another type").expect("valid");
    clash.register(&gauge).expect("the first");
    let error = trusting("second").push(&clash).expect_err("another type").to_string();
    assert!(error.contains("400") && error.contains("hits_total"), "{error}");
    trusting("first").delete().expect("deleted");
    wait_for("the deletion", || trusting("second").push(&clash).is_ok());
    trusting("second").delete().expect("deleted");

    let interval = Duration::from_millis(50);
    let exporter = PushExporter::start(registry, trusting("first"), interval).expect("started");
    exporter.stop(Duration::from_secs(2)).expect("the last push");
    assert!(trusting("second").push(&clash).is_err());
}

#[test]
fn both_sides_are_known_by_their_certificates() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("https-both");
    fs::create_dir_all(&folder).expect("a folder");
    let (file, key) = certificate(&folder);
    let config = folder.join("web.yml");
    let (certificate, secret) = (file.display(), key.display());
    let text = format!(
        "tls_server_config:\n  cert_file: {certificate}\n  key_file: {secret}\n  \
         client_ca_file: {certificate}\n  client_auth_type: RequireAndVerifyClientCert\n"
    );
    fs::write(&config, text).expect("written");
    let option = format!("--web.config.file={}", config.display());
    // A gateway does not accept OTLP, so its refusal of the body shows that the request arrived.
    let gateway = Pushgateway::start_with(free_port(), &[&option]);
    let url = format!("https://{}/metrics/job/otlp", gateway.address);
    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("valid");
    registry.register(&hits).expect("the first");
    let export = |certificates: &Certificates| {
        let endpoint = OtlpEndpoint::new(&url, "s", "i").expect("an address");
        let endpoint = endpoint.certificates(certificates)?;
        endpoint.export(&registry)
    };
    let roots = Some(file.clone());
    let own = Some((file.clone(), key.clone()));
    let message = |certificates| export(&certificates).expect_err("no OTLP").to_string();
    let known = message(Certificates { roots: roots.clone(), own: own.clone() });
    assert!(known.contains("400"), "{known}");
    let unknown = message(Certificates { roots: roots.clone(), own: None });
    assert!(!unknown.contains("400"), "{unknown}");
    let stranger = message(Certificates { roots: None, own });
    assert!(stranger.contains("certificate"), "{stranger}");
    assert!(!stranger.contains("may have accepted it"), "only a handshake was sent: {stranger}");
    let none = message(Certificates { roots: Some(folder.join("none.pem")), own: None });
    assert!(none.starts_with("certificates=") && none.contains("No such file"), "{none}");
    let other = message(Certificates { roots, own: Some((file, config)) });
    assert!(other.starts_with("certificates="), "{other}");
}

#[test]
fn other_data_than_certificates_is_refused() {
    for (pem, rule) in [
        ("", "must contain a certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n", ""),
        (
            "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
            "must contain only certificates",
        ),
    ] {
        let error = group("https://x", "j").root_certificates(pem.as_bytes()).expect_err(pem);
        let error = error.to_string();
        let value = format!("{} bytes", pem.len());
        assert!(error.contains(rule) && error.contains(&value), "{error}");
    }
}
