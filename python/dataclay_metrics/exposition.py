"""Exporting, under the module name of prometheus_client."""

from ._native import (
    CONTENT_TYPE_LATEST,
    CONTENT_TYPE_PLAIN_0_0_4,
    CONTENT_TYPE_PLAIN_1_0_0,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)
from .asgi import make_asgi_app
from .client.negotiation import bake as _bake_output
from .client.negotiation import choose_encoder, gzip_accepted
from .client.textfile import write_to_textfile
from .client.wsgi import MetricsHandler, application
from .export import start_http_server
from .gateway import (
    delete_from_gateway,
    instance_ip_grouping_key,
    push_to_gateway,
    pushadd_to_gateway,
)
from .handlers import (
    basic_auth_handler,
    default_handler,
    passthrough_redirect_handler,
    tls_auth_handler,
)
from .openmetrics import exposition as openmetrics
from .registry import Collector
from .utils import floatToGoString

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

start_wsgi_server = start_http_server


def make_wsgi_app(
    registry: CollectorRegistry = REGISTRY, disable_compression: bool = False
) -> "WSGIApplication":
    """Returns a WSGI application that responds to GET, at any path, with the metrics.

    ``name[]=NAME`` in the query, once or more, restricts the response to the samples with those
    names. The response is compressed if the client accepts gzip, unless ``disable_compression`` is
    set.
    """
    # Looked up at each request, so that a program can replace the function.
    return application(registry, disable_compression, lambda *given: _bake_output(*given))


__all__ = [
    "CONTENT_TYPE_LATEST",
    "CONTENT_TYPE_PLAIN_0_0_4",
    "CONTENT_TYPE_PLAIN_1_0_0",
    "REGISTRY",
    "Collector",
    "MetricsHandler",
    "_bake_output",
    "basic_auth_handler",
    "choose_encoder",
    "default_handler",
    "delete_from_gateway",
    "floatToGoString",
    "generate_latest",
    "gzip_accepted",
    "instance_ip_grouping_key",
    "make_asgi_app",
    "make_wsgi_app",
    "openmetrics",
    "passthrough_redirect_handler",
    "push_to_gateway",
    "pushadd_to_gateway",
    "start_http_server",
    "start_wsgi_server",
    "tls_auth_handler",
    "write_to_textfile",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from .client import missing

        raise missing.error(__name__, name)
