//! Binds the port of a scrape endpoint, or the first free port of a range.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};

use mio::net::TcpListener;

use crate::model::error::Error;
use crate::model::printable::without_secrets;

/// The number of ports that the processes of a node share, by default 8000 to 8099. A node rarely
/// runs more processes, and a Prometheus configuration can list that many ports.
pub const PORT_RANGE: u16 = 100;

/// A listening socket, and its address.
pub(crate) type Bound = (TcpListener, SocketAddr);

/// The ports that an endpoint may have.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    pub(crate) host: String,
    /// The requested port; 0 is any.
    pub(crate) first: u16,
    pub(crate) count: u16,
}

impl Ports {
    /// Listens on the first free port of the range.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if all are taken.
    pub(crate) fn listen(&self) -> Result<Bound, Error> {
        listen_in_range(&self.host, self.first, self.count)
    }
}

/// Listens on `host` and `port`. Returns the address with the port that was bound.
///
/// # Errors
///
/// [`Error::Listen`] if none of the host's addresses can be bound.
pub(crate) fn listen(host: &str, port: u16) -> Result<Bound, Error> {
    with_addresses(host, port, bind)
}

/// Returns the first address of `host`, with this port.
///
/// # Errors
///
/// [`Error::Listen`] if it has none.
pub(crate) fn resolve(host: &str, port: u16) -> Result<SocketAddr, Error> {
    let none = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    with_addresses(host, port, |addresses| addresses.first().copied().ok_or_else(none))
}

fn with_addresses<R>(
    host: &str,
    port: u16,
    use_them: impl FnOnce(&[SocketAddr]) -> io::Result<R>,
) -> Result<R, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (bare, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let shown = without_secrets(bare);
    addresses.and_then(|addresses| use_them(&addresses)).map_err(|error| Error::Listen {
        address: if shown.contains(':') {
            format!("[{shown}]:{port}")
        } else {
            format!("{shown}:{port}")
        },
        os_error: error.raw_os_error(),
        // The reason without the number, which is in `os_error`.
        reason: error.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
    })
}

/// Listens on the first of these addresses that can be bound.
pub(crate) fn bind(addresses: &[SocketAddr]) -> io::Result<Bound> {
    let listener = StdListener::bind(addresses)?;
    listener.set_nonblocking(true)?;
    let local_addr = listener.local_addr()?;
    Ok((TcpListener::from_std(listener), local_addr))
}

/// Listens on the first free one of `ports` ports from `port` on. Port 0 is always free.
///
/// # Errors
///
/// As [`listen`]; also if all ports of the range are taken.
fn listen_in_range(host: &str, port: u16, ports: u16) -> Result<Bound, Error> {
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
