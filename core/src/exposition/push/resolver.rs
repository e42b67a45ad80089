//! Resolves host names for pushes. It starts a thread only if a look-up needs one and the system
//! allows it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::exposition::limits::LONGEST;
use crate::exposition::thread::worker::start_detached;

/// The maximum number of addresses that a request tries, which is the capacity of `ureq`.
const MAX_ADDRESSES: usize = 16;

/// The result of a look-up; `None` if the request was cut off.
type Found = Option<io::Result<Vec<SocketAddr>>>;

/// Looks up names for one request.
///
/// A look-up by the system cannot be cut off, so another thread makes it. If the request ends
/// first, that thread finishes alone. IP addresses and `localhost` need no look-up. If the system
/// refuses the thread, the calling thread looks up the name, and waits until the system returns.
/// Clones are for the same request.
#[derive(Clone, Debug, Default)]
pub(crate) struct LookUp(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    LooksUp(Sender<Found>),
    CutOff,
}

impl LookUp {
    /// Ends the current look-up of the request, or a later one.
    pub(crate) fn cut_off(&self) {
        if let State::LooksUp(answer) = self.replace(State::CutOff) {
            // An error means that the look-up has ended.
            let _ = answer.send(None);
        }
    }

    fn replace(&self, state: State) -> State {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    fn look_up(
        &self,
        host: &str,
        port: u16,
        timeout: NextTimeout,
    ) -> Result<Vec<SocketAddr>, Error> {
        let (send, answers) = mpsc::channel();
        if let State::CutOff = self.replace(State::LooksUp(send.clone())) {
            self.replace(State::CutOff);
            return Err(cut_off());
        }
        let name = host.to_owned();
        let look_up = move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let on_thread = look_up.clone();
        // An error means that the request has ended.
        let started = start_detached("dcm-resolve", move || drop(send.send(Some(on_thread()))));
        let answer = match started {
            Err(_) => Some(look_up()),
            Ok(()) => match answers.recv_timeout((*timeout.after).min(LONGEST)) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Timeout) => return Err(Error::Timeout(timeout.reason)),
                // The thread has panicked.
                Err(RecvTimeoutError::Disconnected) => return Err(Error::HostNotFound),
            },
        };
        match answer {
            Some(addresses) => Ok(addresses?),
            None => Err(cut_off()),
        }
    }
}

fn cut_off() -> Error {
    io::Error::from(ErrorKind::ConnectionAborted).into()
}

impl Resolver for LookUp {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let port =
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut addresses: Vec<SocketAddr> =
            literal(host).into_iter().map(|address| SocketAddr::new(address, port)).collect();
        if addresses.is_empty() {
            let found = self.look_up(host, port, timeout)?;
            addresses = config.ip_family().keep_wanted(found.into_iter()).collect();
        }
        if addresses.is_empty() {
            return Err(Error::HostNotFound);
        }
        let mut resolved = self.empty();
        addresses.into_iter().take(MAX_ADDRESSES).for_each(|address| resolved.push(address));
        Ok(resolved)
    }
}

/// Returns the addresses of names that need no look-up: IP addresses, and `localhost`, which means
/// the loopback addresses (RFC 6761).
fn literal(host: &str) -> Vec<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_need_no_resolver() {
        assert_eq!(literal("127.0.0.1").len(), 1);
        assert_eq!(literal("[::1]"), [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(literal("LocalHost").len(), 2);
        for name in ["gateway", "1.2.3", "localhost.example", ""] {
            assert!(literal(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_request_that_was_cut_off_resolves_no_name() {
        let look_up = LookUp::default();
        look_up.cut_off();
        for _ in 0..2 {
            let found = look_up.look_up("no-such-name.invalid", 80, NextTimeout::default());
            assert!(matches!(found, Err(Error::Io(_))), "{found:?}");
        }
    }
}
