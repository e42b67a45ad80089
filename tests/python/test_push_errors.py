"""Tests the exceptions of failed pushes: their classes and their texts."""

import pickle
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError

import dataclay_metrics
import pytest
from dataclay_metrics import CollectorRegistry, delete_from_gateway, push_to_gateway
from dataclay_metrics._native import Settings
from dataclay_metrics.client.errors import PushError
from dataclay_metrics.exposition import default_handler
from servers import free_port

SECRET = "S3cretPassw0rd"
FORGED = "x\r\x1b[31mFORGED\n2026 CRITICAL fake\0\u2028\x85\u202eend"
WAYS: list[dict[str, Any]] = [{}, {"handler": default_handler}, {"compression": "gzip"}]


@contextmanager
def responding(response: bytes) -> Iterator[str]:
    """Runs a server that sends this response to one request. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(response)

        # A daemon, because no connection arrives if the test fails before its request.
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def refusal(status: str, body: str) -> bytes:
    text = body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("code", [301, 400, 404, 503])
def test_a_refused_push_raises_an_http_error_with_its_code(way: dict[str, Any], code: int) -> None:
    with (
        responding(refusal(f"{code} No", "the reason")) as gateway,
        pytest.raises(HTTPError, match=f"push to .*{code} .*the reason") as refused,
    ):
        push_to_gateway(gateway, "j", CollectorRegistry(), **way)
    error = refused.value
    assert (error.code, isinstance(error, OSError)) == (code, True)
    assert gateway in str(error.filename)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, str(again)) == (type(error), code, str(error))
    # Nobody closes the errors, so their files must be closed: CPython 3.14 warns of open ones.
    assert (error.read(), again.read()) == (b"", b"")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", ["200 OK", "201 Created", "204 No Content", "299 Odd"])
def test_a_push_succeeds_with_every_2xx_status(way: dict[str, Any], status: str) -> None:
    with responding(f"HTTP/1.1 {status}\r\n\r\n".encode()) as gateway:
        push_to_gateway(gateway, "j", CollectorRegistry(), **way)


@pytest.mark.parametrize("way", WAYS)
def test_a_push_without_a_response_raises_a_url_error(way: dict[str, Any]) -> None:
    gateway = f"127.0.0.1:{free_port()}"
    with pytest.raises(URLError, match=f"push to http://{gateway}/metrics/job/j failed") as failed:
        push_to_gateway(gateway, "j", CollectorRegistry(), **way)
    assert not isinstance(failed.value, HTTPError)
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)
    with responding(b"\x1b[31mno http\r\n\r\n") as gateway, pytest.raises(URLError):
        push_to_gateway(gateway, "j", CollectorRegistry(), **way)
    with pytest.raises(URLError):
        delete_from_gateway(f"127.0.0.1:{free_port()}", "j")


def test_an_error_records_whether_the_gateway_may_have_accepted_the_push() -> None:
    with responding(b"") as gateway, pytest.raises(PushError, match="may have accepted it") as cut:
        push_to_gateway(gateway, "j", CollectorRegistry())
    with pytest.raises(PushError) as refused:
        push_to_gateway(f"127.0.0.1:{free_port()}", "j", CollectorRegistry())
    for error, expected in [(cut.value, True), (refused.value, False)]:
        assert error.is_unanswered is expected
        assert pickle.loads(pickle.dumps(error)).is_unanswered is expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{SECRET}@gateway:9091",
        f"user:{SECRET}@gateway",
        f"http://gateway:9091/?apikey={SECRET}",
        f"http://gateway:9091/#{SECRET}",
        f"https://user:{SECRET}@gateway",
        f"HTTPS://user:{SECRET}@gateway",
        f"ftp://user:{SECRET}@gateway",
        f"http://user:{SECRET}@gateway@x:1",
        f"http://user:{SECRET}/@gateway:1",
        f"http://user:{SECRET}?@gateway:1",
        f"//user:{SECRET}@gateway",
    ],
)
def test_no_error_contains_the_secret_of_an_address(way: dict[str, Any], address: str) -> None:
    with pytest.raises((ValueError, OSError)) as refused:
        push_to_gateway(address, "j", CollectorRegistry(), timeout=0.5, **way)
    error: BaseException | None = refused.value
    while error is not None:
        assert SECRET not in f"{error} {error!r}"
        error = error.__cause__


@pytest.mark.parametrize("variable", ["HOST", "PORT", "EXPORTER", "PUSH_INTERVAL", "ON_EXIT"])
def test_no_error_contains_the_secret_of_a_setting(variable: str) -> None:
    variables = {f"DATACLAY_METRICS_{variable}": f"http://user:{SECRET}@gateway"}
    with pytest.raises(ValueError, match=f"DATACLAY_METRICS_{variable}=") as refused:
        Settings.from_variables(variables)
    assert SECRET not in str(refused.value)
    with pytest.raises(OSError, match="cannot listen") as unbound:
        dataclay_metrics.start_http_server(0, f"user:{SECRET}@gateway")
    assert SECRET not in str(unbound.value)


def raising(text: str) -> Callable[[], float]:
    def function() -> float:
        raise ValueError(text)

    return function


@pytest.mark.alone
def test_foreign_text_is_escaped_in_errors_and_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    texts = []
    for way in WAYS:
        for response in (
            refusal("400 No", FORGED),
            b"HTTP/1.1 400 \x1b[31mx\r\nContent-Length: 0\r\n\r\n",
            b"\x1b[31mgarbage\r\n\r\n",
        ):
            with responding(response) as gateway, pytest.raises(OSError) as failed:
                push_to_gateway(gateway, "j", registry, **way)
            texts.append(str(failed.value))
    odd = {"collect": lambda _: raising(FORGED)()}
    registry.register(type("Odd" + FORGED.replace("\0", "").replace("\u2028", ""), (), odd)())
    gauge = dataclay_metrics.Gauge("room", "Room", registry=registry)
    gauge.set_function(raising(FORGED))
    with pytest.raises(ValueError, match="FORGED"):
        dataclay_metrics.generate_latest(registry)
    texts += [record.getMessage() for record in caplog.records]
    assert len(texts) == len(WAYS) * 3 + 2
    for text in texts:
        assert text.isprintable() and len(text.splitlines()) == 1, ascii(text)


def test_an_unavailable_compression_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # python-snappy may be installed, because the tests of prometheus_client use it.
    monkeypatch.setitem(sys.modules, "snappy", None)
    with pytest.raises(RuntimeError, match="'snappy': needs pip install python-snappy"):
        push_to_gateway("localhost", "j", CollectorRegistry(), compression="snappy")
    with pytest.raises(ValueError, match="'zstd': must be 'gzip', 'snappy' or None"):
        push_to_gateway("localhost", "j", CollectorRegistry(), compression="zstd")  # type: ignore[arg-type]
