"""gevent and eventlet: sends calls of the application's code to the loop that runs it.

Threads of this library call functions of gauges, collectors and log handlers. These may take locks,
which belong to the loop after gevent or eventlet has patched ``threading``.
"""

import os
import sys
from _thread import get_native_id
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Protocol, TypeVar

_Result = TypeVar("_Result")


class _Loop(Protocol):
    def is_current(self) -> bool:
        """Returns whether this is the loop of the calling thread."""

    def lock(self) -> Any:
        """Returns a lock that blocks a thread, not a greenlet."""

    def soon(self, function: Callable[[], object]) -> None:
        """Runs ``function`` in a greenlet of the loop. Any thread may call it."""

    def aside(self, function: Callable[[], _Result]) -> _Result:
        """Runs ``function`` on another thread, while the loop continues."""


class _Gevent:
    def __init__(self) -> None:
        gevent = sys.modules["gevent"]
        self._spawn, self._hub = gevent.spawn, gevent.get_hub()
        self.lock = sys.modules["gevent.monkey"].get_original("_thread", "allocate_lock")

    def is_current(self) -> bool:
        return self._hub is sys.modules["gevent"].get_hub()

    def soon(self, function: Callable[[], object]) -> None:
        self._hub.loop.run_callback_threadsafe(self._spawn, function)

    def aside(self, function: Callable[[], _Result]) -> _Result:
        result: _Result = self._hub.threadpool.apply(function)
        return result


class _Eventlet:
    def __init__(self) -> None:
        self._eventlet = sys.modules["eventlet"]
        original = sys.modules["eventlet.patcher"].original
        self.lock, self._os = original("_thread").allocate_lock, original("os")
        self._waiting: list[Callable[[], object]] = []
        self._wakes, self._wake = self._os.pipe()
        for end in (self._wakes, self._wake):
            self._os.set_blocking(end, False)
        self._hub, self._process = self._eventlet.hubs.get_hub(), os.getpid()
        self._eventlet.spawn_n(self._run)

    def is_current(self) -> bool:
        # A forked child needs another pipe.
        return self._hub is self._eventlet.hubs.get_hub() and self._process == os.getpid()

    def _run(self) -> None:
        wait_for = self._eventlet.hubs.trampoline
        while True:
            wait_for(self._wakes, read=True)
            self._os.read(self._wakes, 4096)
            while self._waiting:
                self._eventlet.spawn_n(self._waiting.pop(0))

    def soon(self, function: Callable[[], object]) -> None:
        self._waiting.append(function)
        with suppress(BlockingIOError):  # full: the loop has not read earlier wakes
            self._os.write(self._wake, b"\0")

    def aside(self, function: Callable[[], _Result]) -> _Result:
        from importlib import import_module

        result: _Result = import_module("eventlet.tpool").execute(function)
        return result


_loop: _Loop | None = None


def follow() -> bool:
    """Sends calls to the loop of this thread, if this is the main thread and has a loop.

    Returns whether this thread runs the loop. Only ``_native.follow_loop()`` calls this.
    """
    global _loop
    if get_native_id() != os.getpid():
        return False
    if _loop is not None and _loop.is_current():
        return True
    monkey, patcher = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if monkey is not None and monkey.is_module_patched("threading"):
        _loop = _Gevent()
    elif patcher is not None and patcher.is_monkey_patched("thread"):
        _loop = _Eventlet()
    else:
        return False
    return True


def soon(function: Callable[..., object], *arguments: object) -> None:
    """Calls ``function`` on the loop without waiting for it."""
    assert _loop is not None
    _loop.soon(lambda: function(*arguments))


def call(function: Callable[..., _Result], *arguments: object) -> _Result:
    """Calls ``function`` on the loop, and returns its result or raises its exception."""
    assert _loop is not None
    ended = _loop.lock()
    ended.acquire()
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function(*arguments))
        except BaseException as error:
            errors.append(error)
            if not isinstance(error, Exception):
                raise  # the exception ends the program or the greenlet
        finally:
            ended.release()

    _loop.soon(run)
    ended.acquire()
    if errors:
        raise errors[0]
    return results[0]


def collect(collector: Any) -> Iterator[object]:
    """Calls ``collector.collect()`` on the loop, and all code that it yields from."""
    families: list[object] = []
    error = call(_collect_into, families, collector)
    return _again(families, error)


def _collect_into(families: list[object], collector: Any) -> Exception | None:
    try:
        collected: Iterable[object] = collector.collect()
        families.extend(collected)
    except Exception as error:  # noqa: BLE001 - raised after the families
        return error
    return None


def _again(families: list[object], error: Exception | None) -> Iterator[object]:
    yield from families
    if error is not None:
        raise error


def aside(function: Callable[[], _Result]) -> _Result:
    """Calls ``function``, which may wait for calls on the loop, while the loop continues.

    If no thread can be started, the loop is blocked meanwhile. CPython 3.12.1 refuses to start a
    thread at exit.
    """
    assert _loop is not None
    started = False

    def run() -> _Result:
        nonlocal started
        started = True
        return function()

    try:
        return _loop.aside(run)
    except RuntimeError:
        if started:
            raise
        return function()
