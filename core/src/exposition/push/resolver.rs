//! Resolves names to addresses, for pushes: without a thread where no look-up is needed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// A resolver that needs no thread for IP addresses and `localhost`.
///
/// The resolver of `ureq` starts a thread for every name, because a look-up cannot be ended. Here a
/// push to the loopback starts none, and a fork finds none.
#[derive(Debug, Default)]
pub(crate) struct NamesOnly(DefaultResolver);

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
        let mut addresses = self.empty();
        for address in literal(host) {
            addresses.push(SocketAddr::new(address, port));
        }
        if addresses.is_empty() { self.0.resolve(uri, config, timeout) } else { Ok(addresses) }
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
