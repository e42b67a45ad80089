"""Tests TLS: pushes to a real Pushgateway that requires client certificates, and scrapes."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import certificates
import dataclay_metrics.exposition
import prometheus_client.exposition
import pytest
import servers
from servers import Pushgateway, free_port, listens


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificates.self_signed(tmp_path_factory.mktemp("tls"), "known")


@pytest.fixture
def gateway(tmp_path: Path, files: tuple[str, str]) -> Iterator[Pushgateway]:
    """Starts a gateway that has the known certificate and requires it from clients."""
    config = tmp_path / "web.yml"
    config.write_text(
        f"tls_server_config:\n  cert_file: {files[0]}\n  key_file: {files[1]}\n"
        f"  client_ca_file: {files[0]}\n  client_auth_type: RequireAndVerifyClientCert\n"
    )
    with serving(tmp_path, config) as gateway:
        yield gateway


@contextmanager
def serving(folder: Path, config: Path) -> Iterator[Pushgateway]:
    """Runs a gateway with this TLS configuration during the block."""
    port = free_port()
    command = [
        "prometheus-pushgateway",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.config.file={config}",
        "--persistence.file=",
    ]
    with servers.program(command, folder / "pushgateway.log", lambda: listens(port)):
        yield Pushgateway(port)


def read(url: str, context: ssl.SSLContext) -> str:
    """Returns the body of a page."""
    with urlopen(url, context=context, timeout=servers.TIMEOUT) as response:
        return str(response.read().decode())


def push(library: Any, gateway: Pushgateway, **tls: Any) -> None:
    """Pushes as the documentation of prometheus_client does."""

    def handler(**request: Any) -> Callable[[], None]:
        send: Callable[[], None] = library.exposition.tls_auth_handler(**request, **tls)
        return send

    registry = library.CollectorRegistry()
    library.Gauge("done", "Done", registry=registry).set(1)
    key = {"instance": library.__name__}
    url = f"https://{gateway.address}"
    library.push_to_gateway(url, "tls", registry, key, handler=handler)


@pytest.mark.parametrize("library", [dataclay_metrics, prometheus_client])
def test_a_push_with_a_certificate_is_accepted(
    library: Any, gateway: Pushgateway, files: tuple[str, str]
) -> None:
    certfile, keyfile = files
    push(library, gateway, certfile=certfile, keyfile=keyfile, cafile=certfile)
    push(library, gateway, certfile=certfile, keyfile=keyfile, insecure_skip_verify=True)
    context = ssl.create_default_context(cafile=certfile)
    context.load_cert_chain(certfile, keyfile)
    exposed = servers.samples(read(f"https://{gateway.address}/metrics", context))
    assert [s.labels["instance"] for s in exposed if s.name == "done"] == [library.__name__]


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_an_https_address_needs_no_handler(
    scheme: str, tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "web.yml"
    config.write_text(f"tls_server_config:\n  cert_file: {files[0]}\n  key_file: {files[1]}\n")
    registry = dataclay_metrics.CollectorRegistry()
    dataclay_metrics.Gauge("done", "Done", registry=registry).set(1)
    with serving(tmp_path, config) as gateway:
        url = f"{scheme}://{gateway.address}"
        with pytest.raises(URLError, match=r"(?i)certificate"):
            dataclay_metrics.push_to_gateway(url, "tls", registry)
        monkeypatch.setenv("SSL_CERT_FILE", files[0])
        dataclay_metrics.push_to_gateway(url, "tls", registry)
        dataclay_metrics.pushadd_to_gateway(url, "tls", registry, compression="gzip")
        context = ssl.create_default_context(cafile=files[0])

        def jobs() -> list[str]:
            exposed = servers.samples(read(f"https://{gateway.address}/metrics", context))
            return [sample.labels["job"] for sample in exposed if sample.name == "done"]

        assert jobs() == ["tls"]
        dataclay_metrics.delete_from_gateway(url, "tls")
        servers.wait_for(lambda: len(jobs()), 0)


@pytest.mark.parametrize("library", [dataclay_metrics, prometheus_client])
def test_unknown_certificates_are_refused(
    library: Any, gateway: Pushgateway, files: tuple[str, str], tmp_path: Path
) -> None:
    certfile, keyfile = certificates.self_signed(tmp_path, "unknown")
    # Without `cafile`, the certificate of the gateway is unknown.
    with pytest.raises(OSError, match=r"(?i)certificate"):
        push(library, gateway, certfile=files[0], keyfile=files[1])
    with pytest.raises(OSError):
        push(library, gateway, certfile=certfile, keyfile=keyfile, cafile=files[0])
    with pytest.raises(OSError):
        push(library, gateway, certfile=str(tmp_path / "none"), keyfile=keyfile)


def test_an_endpoint_serves_over_tls(files: tuple[str, str]) -> None:
    certfile, keyfile = files
    registry = dataclay_metrics.CollectorRegistry()
    dataclay_metrics.Counter("jobs", "Jobs", registry=registry).inc()
    server, thread = exporter = dataclay_metrics.start_http_server(
        0, "127.0.0.1", registry, certfile, keyfile, certfile, client_auth_required=True
    )
    assert thread.is_alive() and server.server_address == ("127.0.0.1", server.server_port)
    try:
        context = ssl.create_default_context(cafile=certfile)
        with pytest.raises(OSError):
            read(exporter.url, context)
        context.load_cert_chain(certfile, keyfile)
        # A client that sends nothing blocks no other client.
        with socket.create_connection(("127.0.0.1", server.server_port)):
            assert read(exporter.url, context).endswith("\njobs_total 1.0\n")
    finally:
        exporter.stop()
        exporter.stop()
    assert not thread.is_alive()
    with pytest.raises(OSError):
        dataclay_metrics.start_http_server(0, "127.0.0.1", certfile="a.pem", keyfile="a.key")


def test_tls_arguments_without_a_certificate_are_refused() -> None:
    for arguments in ({"certfile": "a.pem"}, {"client_auth_required": True}):
        with pytest.raises(ValueError, match=r"TLS argument (True|'a.pem').*needs certfile"):
            dataclay_metrics.start_http_server(0, "127.0.0.1", **arguments)
