//! Parses the address of a Pushgateway or an OTLP endpoint.

use crate::exposition::push::tls;
use crate::model::error::Error;
use crate::model::printable::without_secrets;

/// Returns scheme, host, port and path of the URL of a `server`, without a slash at the end.
///
/// # Errors
///
/// [`Error::Setting`] if the address is not valid. The error shows no credentials of the address.
pub(crate) fn base_url(server: &str, address: &str) -> Result<String, Error> {
    let refused = |rule: String| Error::Setting {
        name: server.into(),
        value: without_secrets(address),
        rule,
    };
    let (scheme, rest) = match address.split_once("://") {
        Some(("http", rest)) => ("http", rest),
        Some(("https", rest)) if tls::is_there() => ("https", rest),
        Some(_) if tls::is_there() => {
            return Err(refused(format!("the scheme of the {server}'s URL must be http or https")));
        }
        Some(_) => {
            let rule = "URL must be http: this build has no TLS";
            return Err(refused(format!("the scheme of the {server}'s {rule}")));
        }
        None => ("http", address),
    };
    let rest = rest.trim_end_matches('/');
    if rest.contains(['@', '?', '#']) {
        return Err(refused(format!(
            "the {server}'s address must not contain credentials or a query"
        )));
    }
    let base = format!("{scheme}://{rest}");
    let uri: ureq::http::Uri = base
        .parse()
        .map_err(|_| refused(format!("the {server}'s address must be HOST:PORT or a URL")))?;
    let host = uri.host().unwrap_or_default();
    if host.is_empty() {
        return Err(refused(format!("the {server}'s address must name a host")));
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if let Some(port) = authority.strip_prefix(host).and_then(|rest| rest.strip_prefix(':')) {
        if !port.parse().is_ok_and(|port: u16| port > 0) {
            return Err(refused(format!(
                "the {server}'s port must be a whole number from 1 to 65535"
            )));
        }
    }
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_port_or_a_url_is_accepted() {
        for (address, base) in [
            ("localhost:9091", "http://localhost:9091"),
            ("http://localhost:9091/", "http://localhost:9091"),
            ("http://proxy/gateway", "http://proxy/gateway"),
            ("[::1]:9091", "http://[::1]:9091"),
        ] {
            assert_eq!(base_url("gateway", address), Ok(base.to_owned()));
        }
    }

    #[test]
    fn other_addresses_are_refused_without_their_credentials() {
        for address in ["", "http://", "ftp://x:1", "a b:1", "x:99999", "x:", "x:1?y", ":9091"] {
            assert!(base_url("gateway", address).is_err(), "{address:?}");
        }
        assert_eq!(base_url("endpoint", "https://x:1").is_ok(), cfg!(feature = "https"));
        for address in ["http://user:secret@x:1", "http://x:1/?key=secret"] {
            let message = base_url("gateway", address).expect_err("credentials").to_string();
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
