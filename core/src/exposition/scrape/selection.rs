//! A selection of the metrics: those that a client asks for, in its preferred format.

use std::borrow::Cow;

use crate::encode::pieces::Pieces;
use crate::encode::{self, Encoding, Escaping, Format, Options};
#[cfg(feature = "gzip")]
use crate::exposition::gzip;
use crate::exposition::scrape::negotiate;
use crate::exposition::scrape::request::Request;
use crate::exposition::scrape::response::Response;
use crate::model::snapshot::MetricFamily;
use crate::registry::Registry;

/// The minimum length of a body that is compressed, in bytes. Sending a shorter body costs less
/// than compressing it.
#[cfg(feature = "gzip")]
const MIN_GZIP: usize = 8 * 1024;

/// The metrics that a client chose, in its preferred format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// All metrics, if this is empty.
    names: Vec<String>,
    encoding: Encoding,
    /// The escaping scheme that the client names, if any.
    escaping: Option<Escaping>,
    gzip: bool,
}

impl Selection {
    /// Returns the selection that a request for the metrics names.
    pub(crate) fn of(request: &Request) -> Selection {
        let encoding = negotiate::encoding(&request.accept);
        Selection {
            names: negotiate::names(&request.query),
            encoding,
            escaping: negotiate::escaping(&request.accept, encoding),
            gzip: cfg!(feature = "gzip") && negotiate::gzip(&request.accept_encoding),
        }
    }

    /// Returns the names of the chosen metrics, or an empty list for all metrics.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the registry and returns the response with the selected metrics.
    pub(crate) fn response(&self, registry: &Registry) -> Response {
        let body = self.encoded(registry);
        let content_type: Cow<'static, str> = match self.escaping {
            None => self.encoding.content_type().into(),
            Some(escaping) => self.encoding.content_type_escaped(escaping).into(),
        };
        #[cfg(feature = "gzip")]
        if self.gzip && body.len() >= MIN_GZIP {
            let body = gzip::compressed(body.iter());
            return Response::new("200 OK", content_type, body).in_gzip();
        }
        Response::in_pieces("200 OK", content_type, body)
    }

    fn encoded(&self, registry: &Registry) -> Pieces {
        let options = Options::new(self.encoding).escaping(self.escaping.unwrap_or_default());
        if self.names.is_empty() {
            return registry.encode_pieces(options);
        }
        let mut families = registry.gather_where(|desc| desc.reserves_one_of(&self.names));
        negotiate::choose(&self.names, &mut families);
        if registry.exposes_created() && self.encoding == Format::OpenMetrics.into() {
            families = families.into_iter().map(MetricFamily::with_created_samples).collect();
        }
        encode::encode_with(families, options).into()
    }
}
