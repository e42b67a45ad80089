//! The scrape endpoint and the push thread, over real sockets and with a real Pushgateway.

mod push;
mod scrape;
mod settings;
