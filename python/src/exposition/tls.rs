//! TLS of the interpreter, for requests that the core sends over https.

use std::sync::Arc;

use dataclay_metrics_core::exposition::{Action, Step, Tls, TlsContext, TlsSession};
use dataclay_metrics_core::settings::Certificates;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::interpreter::attach::attach;
use crate::interpreter::guarded;

/// The module `ssl`.
#[derive(Debug)]
pub(crate) struct Ssl;

/// An `SSLContext`.
#[derive(Debug)]
struct Context(Py<PyAny>);

/// A `Session` of the package.
#[derive(Debug)]
struct Session(Py<PyAny>);

/// Runs `body` in the interpreter. If it raises, the error is the exception's text.
fn in_python<T>(body: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T, String> {
    let result = attach(|py| body(py).map_err(|error| error.value(py).to_string()));
    result.unwrap_or_else(|| Err("the interpreter ends".to_owned()))
}

impl Tls for Ssl {
    fn context(&self, certificates: &Certificates) -> Result<Arc<dyn TlsContext>, String> {
        in_python(|py| {
            let make = guarded::import(py, intern!(py, "dataclay_metrics.client.secure"))?
                .getattr("context")?;
            let (chain, key) = certificates.own.clone().unzip();
            let arguments = (certificates.roots.clone(), chain, key).into_pyobject(py)?;
            let context = guarded::call(&make, &arguments)?;
            Ok(Arc::new(Context(context.unbind())) as Arc<dyn TlsContext>)
        })
    }
}

impl TlsContext for Context {
    fn session(&self, host: &str) -> Result<Box<dyn TlsSession>, String> {
        in_python(|py| {
            let class = guarded::import(py, intern!(py, "dataclay_metrics.client.secure"))?
                .getattr("Session")?;
            let session = guarded::call(&class, &(self.0.bind(py), host).into_pyobject(py)?)?;
            Ok(Box::new(Session(session.unbind())) as Box<dyn TlsSession>)
        })
    }
}

impl TlsSession for Session {
    fn step(&mut self, action: Action<'_>, received: Option<&[u8]>) -> Result<Step, String> {
        in_python(|py| {
            let (name, data, limit) = match action {
                Action::Handshake => ("handshake", &[][..], 0),
                Action::Write(data) => ("write", data, 0),
                Action::Read(limit) => ("read", &[][..], limit),
            };
            let bytes = |bytes| PyBytes::new(py, bytes);
            let arguments = (name, bytes(data), limit, received.map(bytes)).into_pyobject(py)?;
            let step = self.0.bind(py).getattr(intern!(py, "step"))?;
            let (done, to_send) = guarded::call(&step, &arguments)?.extract()?;
            Ok(Step { done, to_send })
        })
    }
}
