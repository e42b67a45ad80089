//! One HTTP request to a server that accepts metrics. It has a deadline, and any thread can cut it
//! off.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ureq::http::{HeaderName, Method, Request, StatusCode};
use ureq::{Agent, Body};

use crate::count::created::now;
use crate::diagnostics::events;
#[cfg(feature = "gzip")]
use crate::exposition::gzip;
use crate::exposition::push::connector::Sent;
use crate::exposition::push::failure::PushFailure;
use crate::exposition::push::resolver::LookUp;
use crate::exposition::push::retry_after;
use crate::model::error::Error;
use crate::sync::{AtomicUsize, Ordering};

/// The maximum length of a refusal that is read and shown, in bytes: a line or two.
const MAX_REASON: u64 = 512;

/// A value that no error and no log line shows.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One request, prepared or in flight. Clones are the same request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// An agent for only this request, because `shutdown` ends all requests of an agent.
    pub(super) agent: Agent,
    pub(super) look_up: LookUp,
    pub(super) sent: Arc<Sent>,
    /// The bytes of the body.
    pub(super) length: Arc<AtomicUsize>,
    pub(super) authorization: Option<Secret>,
    pub(super) headers: Vec<(HeaderName, Secret)>,
    #[cfg(feature = "gzip")]
    pub(super) gzip: bool,
}

impl Call {
    /// Sends the request, waits for the response, and counts the success or failure. Blocks for at
    /// most the client's timeout. Any status 2xx is a success: older Pushgateways send 202, other
    /// servers 204.
    pub(crate) fn send(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response, PushFailure> {
        let failure = match self.exchange(method, url, content_type, body) {
            Ok(response) if response.status.is_success() => {
                events::count_push(now());
                return Ok(response);
            }
            Ok(response) => response.failure(url.to_owned()),
            Err(reason) => self.error(url.to_owned(), reason).into(),
        };
        events::PUSH_FAILURES.add();
        Err(failure)
    }

    /// Sends the request and waits for the response, whatever its status is.
    ///
    /// # Errors
    ///
    /// Returns the reason, in words, if there is no response. If the request was sent, the server
    /// may still act on it.
    fn exchange(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response, String> {
        let mut request =
            Request::builder().method(method).uri(url).header("Content-Type", content_type);
        if let Some(Secret(authorization)) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        for (name, Secret(value)) in &self.headers {
            request = request.header(name, value);
        }
        #[cfg(feature = "gzip")]
        let (request, body) = if self.gzip {
            (request.header("Content-Encoding", "gzip"), gzip::compressed([&body[..]]))
        } else {
            (request, body)
        };
        self.length.store(body.len(), Ordering::Relaxed);
        let request = request.body(body).map_err(|error| error.to_string())?;
        let response = self.agent.run(request).map_err(|error| error.to_string())?;
        let retry_after = response.headers().get("Retry-After");
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        let retry_after =
            retry_after.and_then(|value| retry_after::parse(value, SystemTime::now()));
        Ok(Response { status: response.status(), retry_after, body: response.into_body() })
    }

    /// Returns whether the whole request was sent.
    fn was_sent(&self) -> bool {
        // A head is sent before each body.
        self.sent.bytes() > self.length.load(Ordering::Relaxed)
    }

    /// Returns the error of this request, which has no response.
    pub(crate) fn error(&self, url: String, reason: String) -> Error {
        Error::Push { url, status: None, is_unanswered: self.was_sent(), reason }
    }

    /// Ends the request from another thread. `send` fails at once, even if it begins later.
    pub(crate) fn cut_off(self) {
        self.look_up.cut_off();
        self.agent.shutdown();
    }
}

/// A response: its status, and its body, which is read on demand.
#[derive(Debug)]
pub(crate) struct Response {
    status: StatusCode,
    /// The time for which the server asks clients to wait before the next request.
    retry_after: Option<Duration>,
    body: Body,
}

/// The statuses after which the same request may succeed: too many requests, and the three that
/// mean that a server or a proxy is unavailable.
const TRANSIENT: [u16; 4] = [429, 502, 503, 504];

impl Response {
    /// Converts a refusal to a failure.
    fn failure(self, url: String) -> PushFailure {
        let status = self.status.as_u16();
        let is_transient = TRANSIENT.contains(&status);
        let retry_after = self.retry_after.or(is_transient.then_some(Duration::ZERO));
        let retry_after = retry_after.filter(|_| is_transient);
        PushFailure {
            error: Error::Push {
                url,
                status: Some(status),
                is_unanswered: false,
                reason: self.reason(),
            },
            retry_after,
        }
    }

    /// Returns at most `limit` bytes of the body. After a read error, returns what was read.
    pub(crate) fn body(mut self, limit: u64) -> Vec<u8> {
        let mut body = Vec::new();
        let _ = self.body.as_reader().take(limit).read_to_end(&mut body);
        body
    }

    /// Returns the status and the beginning of the body, on one line.
    fn reason(self) -> String {
        let status = self.status;
        let reason = self.body(MAX_REASON);
        let reason = String::from_utf8_lossy(&reason);
        format!("{status}: {}", reason.trim().replace('\n', " "))
    }
}
