"""Sends metrics by OTLP."""

from . import _native
from ._native import REGISTRY
from .export import exporters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from ._native import _Collector


class OtlpExporter(_native.OtlpExporter):
    """Sends ``registry`` to an OTLP endpoint every ``interval`` seconds, until its ``stop()``.

    ``endpoint`` is a URL such as ``http://localhost:4318/v1/metrics``. ``service`` and
    ``instance``, by default ``host:pid``, become the attributes ``service.name`` and
    ``service.instance.id`` of the resource. Prometheus turns them into the labels ``job`` and
    ``instance``. ``resource`` has further attributes. ``headers`` are sent with each request, which
    may take ``timeout`` seconds.

    https uses the TLS of the interpreter. It trusts the authorities in the file ``cafile``, or else
    those of the system. ``certfile`` and ``keyfile`` identify this process to the endpoint.

    Its thread sends at once, but the constructor does not wait for the endpoint. A failure is
    logged. Raises ValueError if the endpoint, a header or a file is not valid.
    """

    def __new__(
        cls,
        endpoint: str,
        *,
        service: str = "dataclay",
        instance: str | None = None,
        registry: "_Collector" = REGISTRY,
        interval: float = 10.0,
        timeout: float = 5.0,
        headers: "Mapping[str, str] | None" = None,
        resource: "Mapping[str, str] | None" = None,
        gzip: bool = False,
        cafile: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
    ) -> "Self":
        """Starts the thread."""
        if (certfile is None) != (keyfile is None):
            raise ValueError(f"certfile={certfile!r}, keyfile={keyfile!r}: needs both or none")
        if instance is None:
            instance = _native.default_instance()
        arguments = (endpoint, service, instance, interval, timeout)
        certificates = (cafile, certfile, keyfile)
        options = (dict(headers or {}), dict(resource or {}), gzip, certificates)
        return exporters.keep(
            lambda: super(OtlpExporter, cls).__new__(cls, registry, *arguments, *options)
        )
