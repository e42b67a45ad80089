//! TLS of the feature `https`: the trusted authorities, and the certificate of this process.

use std::fs;
use std::path::Path;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::model::error::Error;
use crate::settings::Certificates;

/// The authorities that are trusted, and the certificate of this process.
#[derive(Clone, Debug)]
pub(crate) struct Rustls {
    roots: RootCerts,
    own: Option<ClientCert>,
}

impl Default for Rustls {
    /// Trusts the authorities that Mozilla trusts.
    fn default() -> Rustls {
        Rustls { roots: RootCerts::WebPki, own: None }
    }
}

impl Rustls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a file cannot be read, or does not contain what it should.
    pub(crate) fn read(files: &Certificates) -> Result<Rustls, Error> {
        let refused = |rule| files.refused(rule);
        let mut rustls = Rustls::default();
        if let Some(path) = &files.roots {
            let roots = contents(path).and_then(|pem| certificates(&pem)).map_err(refused)?;
            rustls.roots = RootCerts::new_with_certs(&roots);
        }
        if let Some((chain, key)) = &files.own {
            let chain = contents(chain).and_then(|pem| certificates(&pem)).map_err(refused)?;
            let key = contents(key).map_err(refused)?;
            let key = PrivateKey::from_pem(&key).map_err(|error| refused(error.to_string()))?;
            rustls.own = Some(ClientCert::new_with_certs(&chain, key));
        }
        Ok(rustls)
    }

    /// Trusts only the authorities in `pem`.
    pub(crate) fn set_roots(&mut self, pem: &[u8]) -> Result<(), Error> {
        let roots = certificates(pem).map_err(|rule| Error::Setting {
            name: "root certificates".into(),
            value: format!("{} bytes", pem.len()),
            rule,
        })?;
        self.roots = RootCerts::new_with_certs(&roots);
        Ok(())
    }

    pub(crate) fn config(&self) -> TlsConfig {
        let config = TlsConfig::builder().root_certs(self.roots.clone());
        config.client_cert(self.own.clone()).build()
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the certificates in `pem`, at least one. The error is the rule that `pem` breaks.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item.map_err(|error| error.to_string())? {
            PemItem::Certificate(certificate) => found.push(certificate),
            _ => return Err("must contain only certificates".into()),
        }
    }
    if found.is_empty() {
        return Err("must contain a certificate in PEM".into());
    }
    Ok(found)
}
