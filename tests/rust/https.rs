//! A real Pushgateway behind TLS: pushes reach it only if its certificate is trusted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dataclay_metrics_core::exposition::{Gateway, GroupingKey, OtlpEndpoint, PushExporter};
use dataclay_metrics_core::settings::Certificates;
use dataclay_metrics_core::{Counter, Gauge, Registry};
use dataclay_metrics_tests::{Pushgateway, STOP_TIMEOUT, free_port, wait_for};

/// Makes a self-signed certificate for 127.0.0.1, and its key.
fn make_certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (file, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=gateway"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), file.as_os_str()])
        .output()
        .expect("openssl on the PATH");
    assert!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    (file, key)
}

/// A real Pushgateway with a self-signed certificate.
struct TlsGateway {
    gateway: Pushgateway,
    certificate: PathBuf,
    key: PathBuf,
    config: PathBuf,
}

impl TlsGateway {
    /// Starts the gateway, with files in a folder of this name. In `settings`, `CERTIFICATE` stands
    /// for the path of the certificate.
    fn start(folder: &str, settings: &str) -> TlsGateway {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let (certificate, key) = make_certificate(&folder);
        let config = folder.join("web.yml");
        let text = format!(
            "tls_server_config:\n  cert_file: CERTIFICATE\n  key_file: {}\n  {settings}\n",
            key.display()
        );
        let text = text.replace("CERTIFICATE", &certificate.display().to_string());
        fs::write(&config, text).expect("written");
        let option = format!("--web.config.file={}", config.display());
        let gateway = Pushgateway::start_with(free_port(), &[&option]);
        TlsGateway { gateway, certificate, key, config }
    }
}

/// Makes the destination for a group that has only a job.
fn group(address: &str, job: &str) -> Gateway {
    Gateway::new(address, &GroupingKey::new(job).expect("a job")).expect("an address")
}

#[test]
fn a_push_over_tls_reaches_only_a_trusted_gateway() {
    let TlsGateway { gateway, certificate, .. } = TlsGateway::start("https", "");
    let address = format!("https://{}", gateway.address);
    let pem = fs::read(&certificate).expect("read");
    let trusting = |job| group(&address, job).root_certificates(&pem).expect("a certificate");

    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("valid");
    registry.register(&hits).expect("the first");
    let error =
        group(&address, "stranger").push(&registry).expect_err("an unknown authority").to_string();
    assert!(error.contains("certificate"), "{error}");
    trusting("first").push(&registry).expect("pushed");

    // The gateway has the counter, so it refuses a gauge of that name and states the reason.
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
    exporter.stop(STOP_TIMEOUT).expect("the last push");
    assert!(trusting("second").push(&clash).is_err());
}

#[test]
fn client_and_server_authenticate_by_certificate() {
    // A gateway refuses OTLP, so status 400 shows that the request arrived.
    let authenticate = "client_ca_file: CERTIFICATE\n  \
                        client_auth_type: RequireAndVerifyClientCert";
    let TlsGateway { gateway, certificate, key, config } =
        TlsGateway::start("https-both", authenticate);
    let url = format!("https://{}/metrics/job/otlp", gateway.address);
    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("valid");
    registry.register(&hits).expect("the first");
    let export = |certificates: &Certificates| {
        let endpoint = OtlpEndpoint::new(&url, "s", "i").expect("an address");
        let endpoint = endpoint.certificates(certificates)?;
        endpoint.export(&registry)
    };
    let roots = Some(certificate.clone());
    let own = Some((certificate.clone(), key));
    let message = |certificates| export(&certificates).expect_err("refused").to_string();
    let known = message(Certificates { roots: roots.clone(), own: own.clone() });
    assert!(known.contains("400"), "{known}");
    let unknown = message(Certificates { roots: roots.clone(), own: None });
    assert!(!unknown.contains("400"), "{unknown}");
    let stranger = message(Certificates { roots: None, own });
    assert!(stranger.contains("certificate"), "{stranger}");
    assert!(!stranger.contains("may have accepted it"), "the request was not sent: {stranger}");
    let missing = certificate.with_file_name("none.pem");
    let none = message(Certificates { roots: Some(missing), own: None });
    assert!(none.starts_with("certificates=") && none.contains("No such file"), "{none}");
    let other = message(Certificates { roots, own: Some((certificate, config)) });
    assert!(other.starts_with("certificates="), "{other}");
}

#[test]
fn data_without_certificates_is_refused() {
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
