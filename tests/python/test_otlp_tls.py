"""Tests OTLP over https, which uses the ssl module."""

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import certificates
import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, Counter, OtlpExporter
from otlp_endpoint import Endpoint, Response
from servers import wait_for


@pytest.fixture(scope="module")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificates.self_signed(tmp_path_factory.mktemp("otlp"), "endpoint")


@pytest.fixture(scope="module")
def client_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificates.self_signed(tmp_path_factory.mktemp("otlp"), "client")


@contextmanager
def secured(
    server_files: tuple[str, str], *responses: Response, client_ca: str | None = None
) -> Iterator[Endpoint]:
    """Starts an endpoint with TLS. With `client_ca`, it requires a certificate of that issuer."""
    endpoint = Endpoint(*responses)
    settings = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    settings.load_cert_chain(*server_files)
    if client_ca is not None:
        settings.load_verify_locations(client_ca)
        settings.verify_mode = ssl.CERT_REQUIRED
    server = endpoint.server
    # The thread of each connection performs the handshake.
    server.socket = settings.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    endpoint.url = f"https://127.0.0.1:{endpoint.port}/v1/metrics"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()


def large_registry() -> CollectorRegistry:
    """Returns a registry whose request takes many TLS records."""
    registry = CollectorRegistry()
    hits = Counter("hits", "Help", ["which"], registry=registry)
    for which in range(3000):
        hits.labels(f"{which:050}").inc(which)
    return registry


def test_a_large_request_arrives_over_mutual_tls(
    server_files: tuple[str, str], client_files: tuple[str, str]
) -> None:
    with secured(server_files, Response(503), client_ca=client_files[0]) as endpoint:
        exporter = OtlpExporter(
            endpoint.url,
            registry=large_registry(),
            interval=60,
            timeout=60,
            cafile=server_files[0],
            certfile=client_files[0],
            keyfile=client_files[1],
        )
        wait_for(lambda: len(endpoint.bodies), 1)
        exporter.stop(60)
        last = len(endpoint.points("hits")) // len(endpoint.bodies)
        assert last == 3000
        assert sum(point.as_int for point in endpoint.points("hits")[-3000:]) == sum(range(3000))


def test_both_sides_refuse_unknown_certificates(
    server_files: tuple[str, str], client_files: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    with (
        secured(server_files, client_ca=client_files[0]) as endpoint,
        caplog.at_level(logging.WARNING),
    ):
        for arguments in ({}, {"cafile": client_files[0]}):
            exporter = OtlpExporter(endpoint.url, registry=registry, **arguments)  # type: ignore[arg-type]
            with pytest.raises(OSError, match=r"certificate verify failed") as error:
                exporter.stop(20)
            # The exporter sent a handshake, but no request.
            assert "may have accepted it" not in str(error.value)
        # The endpoint refuses a client without a certificate.
        exporter = OtlpExporter(endpoint.url, registry=registry, cafile=server_files[0])
        with pytest.raises(OSError, match=r"push to https://"):
            exporter.stop(20)
        assert endpoint.bodies == []


def test_the_environment_sets_the_certificates(
    server_files: tuple[str, str], client_files: tuple[str, str]
) -> None:
    code = """
import os, dataclay_metrics as metrics
metrics.start()
metrics.dataclay_inmemory_hits_total.inc(5)
if os.fork() == 0:
    metrics.shutdown()
    os._exit(0)
os.wait()
"""
    with secured(server_files, client_ca=client_files[0]) as endpoint:
        interpreter.output(
            code,
            DATACLAY_METRICS_EXPORTER="otlp",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"https://127.0.0.1:{endpoint.port}",
            OTEL_EXPORTER_OTLP_CERTIFICATE=server_files[0],
            OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=client_files[0],
            OTEL_EXPORTER_OTLP_CLIENT_KEY=client_files[1],
        )
        points = endpoint.points("dataclay_inmemory_hits")
        assert {point.as_int for point in points} >= {0, 5}


def test_stop_interrupts_a_handshake_with_a_silent_endpoint() -> None:
    registry = CollectorRegistry()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/v1/metrics"
        exporter = OtlpExporter(url, registry=registry, timeout=3600)
        connection, _ = silent.accept()
        with connection, pytest.raises(OSError, match=r"cut off|did not end|timeout"):
            exporter.stop(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cafile": "/none.pem"}, 'certificates="/none.pem": .*No such file'),
        ({"certfile": "/none.pem"}, "needs both"),
        ({"certfile": "/none.pem", "keyfile": "/none.key"}, 'certificates="/none.pem, /none.key"'),
    ],
)
def test_missing_certificate_files_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OtlpExporter("https://127.0.0.1:1", registry=CollectorRegistry(), **arguments)  # type: ignore[arg-type]
