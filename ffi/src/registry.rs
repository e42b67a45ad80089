//! `dcm_registry`, and its text in each format.

use std::ffi::{CString, c_char, c_int};
use std::sync::LazyLock;

use dataclay_metrics_core::{Registry, encode};

use crate::boundary::{Buffer, Out, OwnedText, put, required};
use crate::status::Failure;

/// `dcm_format`.
#[derive(Clone, Copy)]
enum Format {
    Text,
}

impl Format {
    /// From any number: C checks none.
    fn new(number: c_int) -> Result<Format, Failure> {
        match number {
            0 => Ok(Format::Text),
            _ => Err(Failure::argument("format", number, "must be one of dcm_format")),
        }
    }

    fn encode(self, registry: &Registry) -> String {
        match self {
            Format::Text => encode::text(&registry.gather()),
        }
    }
}

static TEXT: LazyLock<CString> =
    LazyLock::new(|| CString::new(encode::CONTENT_TYPE).unwrap_or_default());

export! {
    fn dcm_registry_new(out: Out<'_, Box<Registry>>) -> Result<(), Failure> {
        put("out", out, || Ok(Box::new(Registry::new())))
    }

    fn dcm_registry_encode(
        registry: Option<&Registry>,
        format: c_int,
        buffer: Buffer<'_>,
        capacity: usize,
        length: Option<&mut usize>,
    ) -> Result<(), Failure> {
        let length = length.ok_or(Failure::Null("length"))?;
        let text = Format::new(format)?.encode(required("registry", registry)?);
        *length = text.len();
        if buffer.fill(capacity, &text) {
            Ok(())
        } else {
            Err(Failure::BufferTooSmall { needed: text.len() + 1, capacity })
        }
    }

    fn dcm_registry_encode_new(
        registry: Option<&Registry>,
        format: c_int,
        out: Out<'_, OwnedText>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let text = Format::new(format)?.encode(required("registry", registry)?);
            OwnedText::new(text)
        })
    }

    fn dcm_registry_free(registry: Option<Box<Registry>>) -> () {
        drop(registry);
    }

    fn dcm_string_free(string: OwnedText) -> () {
        string.free();
    }

    fn dcm_format_content_type(format: c_int) -> *const c_char {
        match Format::new(format) {
            Ok(Format::Text) => TEXT.as_ptr(),
            Err(_) => c"".as_ptr(),
        }
    }
}
