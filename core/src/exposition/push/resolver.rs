//! Names to addresses, for pushes: without a thread where no name has to be looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// `ureq`'s resolver looks every name up on a thread of its own, addresses and `localhost` too,
/// because a look-up cannot be ended. These need none: a fork finds no thread, and a push to the
/// loopback costs none.
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

/// The addresses that need no look-up: a literal's own, and of `localhost` the loopback's (RFC 6761).
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
    fn what_needs_no_look_up() {
        assert_eq!(literal("127.0.0.1").len(), 1);
        assert_eq!(literal("[::1]"), [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(literal("LocalHost").len(), 2);
        for name in ["gateway", "1.2.3", "localhost.example", ""] {
            assert!(literal(name).is_empty(), "{name}");
        }
    }
}
