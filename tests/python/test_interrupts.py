"""Tests exceptions that end a program, such as KeyboardInterrupt, in callbacks and arguments."""

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dataclay_metrics import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    ProcessCollector,
    Summary,
    generate_latest,
    make_wsgi_app,
    push_to_gateway,
    write_to_textfile,
)
from served import http_exporter
from servers import free_port, get


class CustomInterrupt(BaseException):
    pass


INTERRUPTS = [KeyboardInterrupt(), SystemExit(3), CustomInterrupt("custom")]


def add_collector(registry: CollectorRegistry, stop: Callable[[], float]) -> None:
    class Collector:
        def collect(self) -> Iterator[Any]:
            stop()
            yield

    registry.register(Collector())


def add_gauge(registry: CollectorRegistry, stop: Callable[[], float]) -> None:
    Gauge("room", "Room", registry=registry).set_function(stop)


def add_process_collector(registry: CollectorRegistry, stop: Callable[[], float]) -> None:
    ProcessCollector(pid=stop, registry=registry)  # type: ignore[arg-type]


READS: list[Callable[[CollectorRegistry, Path], object]] = [
    lambda registry, _: generate_latest(registry),
    lambda registry, _: list(registry.collect()),
    lambda registry, _: registry.get_sample_value("room"),
    lambda registry, _: generate_latest(registry.restricted_registry(["room", "process_open_fds"])),
    lambda registry, path: write_to_textfile(path / "a.prom", registry),
    lambda registry, _: push_to_gateway(f"127.0.0.1:{free_port()}", "j", registry),
    lambda registry, _: make_wsgi_app(registry)(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO()}, lambda *_: bytes
    ),
]


@pytest.mark.parametrize("interrupt", INTERRUPTS)
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("add", [add_collector, add_gauge, add_process_collector])
def test_a_base_exception_of_a_callback_reaches_the_caller(
    add: Callable[[CollectorRegistry, Callable[[], float]], None],
    read: Callable[[CollectorRegistry, Path], object],
    interrupt: BaseException,
    tmp_path: Path,
) -> None:
    raised = [interrupt]

    def stop() -> float:
        for error in raised:
            raise error
        return 1.0

    registry = CollectorRegistry()
    add(registry, stop)
    later = []
    Gauge("later", "Later", registry=registry).set_function(lambda: later.append(1) or 1.0)  # type: ignore[func-returns-value]
    with pytest.raises(type(interrupt)) as passed:
        read(registry, tmp_path)
    assert passed.value is interrupt
    assert not later
    raised.clear()
    assert b"\nlater 1.0\n" in generate_latest(registry)


@pytest.mark.parametrize("interrupt", INTERRUPTS)
def test_methods_of_a_gauge_raise_a_base_exception_of_its_function(
    interrupt: BaseException,
) -> None:
    def stop() -> float:
        raise interrupt

    gauge = Gauge("room", "Room", registry=None)
    gauge.set_function(stop)
    for read in (gauge.get, gauge.collect, gauge.__repr__):
        with pytest.raises(type(interrupt)):
            read()


class Raising:
    """Raises an exception when it is converted or iterated over."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def fail(self) -> Any:
        raise self.error

    __iter__ = __index__ = __float__ = __str__ = fail


@pytest.mark.parametrize("error", [*INTERRUPTS, ZeroDivisionError("custom")])
@pytest.mark.parametrize(
    "use",
    [
        lambda argument: Histogram("seconds", "", buckets=argument, registry=None),
        lambda argument: Histogram("seconds", "", buckets=[argument], registry=None),
        lambda argument: Counter("jobs", "", argument, registry=None),
        lambda argument: Enum("mode", "", states=argument, registry=None),
        lambda argument: Counter("jobs", "", registry=None).inc(argument),
        lambda argument: Histogram("seconds", "", registry=None).observe(argument),
        lambda argument: Summary("bytes", "", registry=None).observe(argument),
        lambda argument: Gauge("room", "", registry=None).set(argument),
        lambda argument: Histogram("seconds", "", ["k"], registry=None).labels(argument),
    ],
)
def test_an_exception_of_an_argument_is_raised_unchanged(
    use: Callable[[Any], object], error: BaseException
) -> None:
    with pytest.raises(type(error)) as passed:
        use(Raising(error))
    assert passed.value is error


@pytest.mark.alone
def test_a_scrape_logs_a_base_exception_as_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()

    def stop() -> float:
        raise SystemExit

    Gauge("room", "Room", registry=registry).set_function(stop)
    Gauge("well", "Well", registry=registry).set(1)
    with http_exporter(registry) as server:
        for _ in range(2):
            assert get(server.url).endswith("\nwell 1\n")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "SystemExit" in caplog.text
