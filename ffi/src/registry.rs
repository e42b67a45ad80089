//! `dcm_registry`, its text in each format, and the library's metrics about itself.

use std::ffi::{CString, c_char, c_int};
use std::sync::LazyLock;

use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::{Registry, fork};

use crate::boundary::{Buffer, Out, OwnedText, put, required};
use crate::status::Failure;

/// Returns the format of a `dcm_format`, which may be any number: C does not check it.
fn format(number: c_int) -> Result<Format, Failure> {
    match number {
        0 => Ok(Format::Text),
        1 => Ok(Format::OpenMetrics),
        _ => Err(Failure::argument("format", number, "must be one of dcm_format")),
    }
}

fn text(registry: Option<&Registry>, number: c_int) -> Result<String, Failure> {
    let format = format(number)?;
    Ok(required("registry", registry)?.encode(format))
}

/// The Content-Types, as C strings.
static CONTENT_TYPES: LazyLock<[CString; 2]> = LazyLock::new(|| {
    [Format::Text, Format::OpenMetrics]
        .map(|format| CString::new(format.content_type()).unwrap_or_default())
});

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
        let length = length.ok_or(Failure::Null("length".into()))?;
        let text = text(registry, format)?;
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
        put("out", out, || OwnedText::new(text(registry, format)?))
    }

    fn dcm_registry_free(registry: Option<Box<Registry>>) -> () {
        drop(registry);
    }

    fn dcm_string_free(string: OwnedText) -> () {
        string.free();
    }

    fn dcm_format_content_type(number: c_int) -> *const c_char {
        match format(number) {
            Ok(format) => {
                let at = usize::from(format == Format::OpenMetrics);
                // In a fork section: a child never finds them half made.
                fork::section(|| CONTENT_TYPES[at].as_ptr())
            }
            Err(_) => c"".as_ptr(),
        }
    }

    fn dcm_health_register(registry: Option<&Registry>) -> Result<(), Failure> {
        Ok(required("registry", registry)?.register(&Health)?)
    }

    fn dcm_health_unregister(registry: Option<&Registry>) -> Result<(), Failure> {
        Ok(required("registry", registry)?.unregister(&Health)?)
    }
}
