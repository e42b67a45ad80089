//! Resolves names to addresses, for pushes: without a thread where no look-up is needed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::exposition::limits::LONGEST;
use crate::exposition::thread::worker::start_detached;

/// The most addresses of one name that a push tries; `ResolvedSocketAddrs` has room for as many.
const MAX_ADDRESSES: usize = 16;

/// A resolver that needs no thread for IP addresses and `localhost`.
///
/// Every other name is looked up on a thread, because a look-up cannot be ended. If the system
/// refuses the thread, the look-up runs here, and may take longer than the timeout.
#[derive(Debug, Default)]
pub(crate) struct NamesOnly;

impl Resolver for NamesOnly {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let port =
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut found: Vec<SocketAddr> =
            literal(host).into_iter().map(|address| SocketAddr::new(address, port)).collect();
        if found.is_empty() {
            let names = look_up(host, port, timeout)?;
            found = config.ip_family().keep_wanted(names.into_iter()).collect();
        }
        let mut addresses = self.empty();
        found.into_iter().take(MAX_ADDRESSES).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// Asks the system for the addresses of a name, within the timeout.
fn look_up(host: &str, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, Error> {
    let name = host.to_owned();
    let resolve = move || -> io::Result<Vec<SocketAddr>> {
        Ok((name.as_str(), port).to_socket_addrs()?.collect())
    };
    let (send, found) = mpsc::sync_channel(1);
    let on_thread = resolve.clone();
    // An error of `send` means that nobody waits any more.
    let started = start_detached("dcm-resolve", move || drop(send.send(on_thread())));
    if started.is_err() {
        return Ok(resolve()?);
    }
    match found.recv_timeout((*timeout.after).min(LONGEST)) {
        Ok(found) => Ok(found?),
        Err(_) => Err(Error::Timeout(timeout.reason)),
    }
}

/// Returns the addresses that need no look-up: that of a literal, and for `localhost` those of the
/// loopback (RFC 6761).
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
    fn literals_and_localhost_need_no_look_up() {
        assert_eq!(literal("127.0.0.1").len(), 1);
        assert_eq!(literal("[::1]"), [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(literal("LocalHost").len(), 2);
        for name in ["gateway", "1.2.3", "localhost.example", ""] {
            assert!(literal(name).is_empty(), "{name}");
        }
    }
}
