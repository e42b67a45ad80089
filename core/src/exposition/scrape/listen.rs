//! Where a scrape endpoint listens: a port, or the first free port of a range.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};

use mio::net::TcpListener;

use crate::model::error::Error;
use crate::model::printable::without_secrets;

/// The number of ports that the processes of a node share, by default 8000 to 8099. A node rarely
/// runs more processes, and a Prometheus configuration can list as many.
pub const PORT_RANGE: u16 = 100;

/// Listens on `host` and `port`. Returns the address with the real port.
///
/// # Errors
///
/// [`Error::Listen`] if none of the host's addresses can be bound.
pub(crate) fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (bare, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let shown = without_secrets(bare);
    addresses.and_then(|addresses| bind(&addresses)).map_err(|error| Error::Listen {
        address: if shown.contains(':') {
            format!("[{shown}]:{port}")
        } else {
            format!("{shown}:{port}")
        },
        os_error: error.raw_os_error(),
        // Without the number, which `os_error` holds.
        reason: error.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
    })
}

/// Listens on the first of these addresses that can be bound.
pub(crate) fn bind(addresses: &[SocketAddr]) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = StdListener::bind(addresses)?;
    listener.set_nonblocking(true)?;
    let local_addr = listener.local_addr()?;
    Ok((TcpListener::from_std(listener), local_addr))
}

/// Listens on the first of `ports` ports from `port` on that is not taken. Port 0 is never taken.
///
/// # Errors
///
/// As [`listen`], and if all of the range are taken.
pub(crate) fn listen_in_range(
    host: &str,
    port: u16,
    ports: u16,
) -> Result<(TcpListener, SocketAddr), Error> {
    let is_taken = |error: &Error| {
        let taken = Some(libc::EADDRINUSE);
        matches!(error, Error::Listen { os_error, .. } if *os_error == taken)
    };
    let mut last = port;
    loop {
        match listen(host, last) {
            Err(error) if !is_taken(&error) => return Err(error),
            Err(_) if last < port.saturating_add(ports.saturating_sub(1)) => last += 1,
            Err(Error::Listen { address, os_error, .. }) => {
                let reason = format!("no port from {port} to {last} is free");
                return Err(Error::Listen { address, os_error, reason });
            }
            done => return done,
        }
    }
}
