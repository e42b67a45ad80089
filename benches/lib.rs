//! Benches only: `make bench`.
