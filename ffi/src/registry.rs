//! `dcm_registry`, its exposition in each format, and the health metrics.

use std::ffi::{CString, c_char, c_int};
use std::sync::LazyLock;

use dataclay_metrics_core::encode::{Encoding, Escaping, Format, Options};
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::{Registry, fork};

use crate::boundary::{Buffer, Out, OwnedText, put, required};
use crate::status::Failure;

/// The encodings, by the numbers of `dcm_format`. The first three escape names, the others do not.
const ENCODINGS: [(Encoding, Option<Escaping>); 6] = [
    (Encoding::Text(Format::Text), None),
    (Encoding::Text(Format::OpenMetrics), None),
    (Encoding::Protobuf, None),
    (Encoding::Text(Format::Text), Some(Escaping::AllowUtf8)),
    (Encoding::Text(Format::OpenMetrics), Some(Escaping::AllowUtf8)),
    (Encoding::Protobuf, Some(Escaping::AllowUtf8)),
];

/// Returns the index of a `dcm_format`, which may be any number, because C does not check it.
fn place(number: c_int) -> Result<usize, Failure> {
    let place = usize::try_from(number).ok().filter(|place| *place < ENCODINGS.len());
    place.ok_or_else(|| Failure::argument("format", number, "must be one of dcm_format"))
}

fn options(encoding: Encoding, escaping: Option<Escaping>) -> Options {
    Options::new(encoding).escaping(escaping.unwrap_or_default())
}

/// The Content-Types, as C strings.
static CONTENT_TYPES: LazyLock<[CString; ENCODINGS.len()]> = LazyLock::new(|| {
    ENCODINGS.map(|(encoding, escaping)| {
        let content_type = match escaping {
            None => encoding.content_type().to_owned(),
            Some(escaping) => encoding.content_type_escaped(escaping),
        };
        CString::new(content_type).unwrap_or_default()
    })
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
        let length = required("length", length)?;
        let (encoding, escaping) = ENCODINGS[place(format)?];
        let registry = required("registry", registry)?;
        if buffer.is_null() && capacity > 0 {
            return Err(Failure::Null("buffer".into()));
        }
        let bytes = registry.encode_with(options(encoding, escaping));
        *length = bytes.len();
        if buffer.fill(capacity, &bytes) {
            Ok(())
        } else {
            Err(Failure::BufferTooSmall { needed: bytes.len() + 1, capacity })
        }
    }

    fn dcm_registry_encode_new(
        registry: Option<&Registry>,
        format: c_int,
        out: Out<'_, OwnedText>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let (encoding, escaping) = ENCODINGS[place(format)?];
            if encoding == Encoding::Protobuf {
                let rule = "must be a text format, as a string ends at a NUL; use dcm_registry_encode";
                return Err(Failure::argument("format", format, rule));
            }
            let registry = required("registry", registry)?;
            OwnedText::new(registry.encode_with(options(encoding, escaping)))
        })
    }

    fn dcm_registry_expose_created(
        registry: Option<&Registry>,
        exposes: c_int,
    ) -> Result<(), Failure> {
        let registry = required("registry", registry)?;
        if !matches!(exposes, 0 | 1) {
            return Err(Failure::argument("exposes", exposes, "must be 0 or 1"));
        }
        registry.expose_created(exposes == 1);
        Ok(())
    }

    fn dcm_registry_free(registry: Option<Box<Registry>>) -> () {
        drop(registry);
    }

    fn dcm_string_free(string: OwnedText) -> () {
        string.free();
    }

    fn dcm_format_content_type(number: c_int) -> *const c_char {
        match place(number) {
            // In a fork section, so a child never finds a partial initialisation.
            Ok(place) => fork::section(|| CONTENT_TYPES[place].as_ptr()),
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
