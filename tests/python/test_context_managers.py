"""Tests timers, exception counters and in-progress gauges on blocks, functions and coroutines."""

import asyncio
import inspect
import threading

import pytest
from dataclay_metrics import Counter, Gauge


def new_counter() -> Counter:
    return Counter("failures", "Failures", registry=None)


def new_gauge() -> Gauge:
    return Gauge("gauge", "A gauge", registry=None)


def test_a_coroutine_is_counted_only_when_it_fails() -> None:
    counter = new_counter()

    @counter.count_exceptions(KeyError)
    async def fail(key: str) -> None:
        """Fails."""
        await asyncio.sleep(0)
        raise KeyError(key)

    assert inspect.iscoroutinefunction(fail)
    assert (fail.__name__, fail.__doc__) == ("fail", "Fails.")
    assert [*inspect.signature(fail).parameters] == ["key"]
    coroutine = fail("x")
    assert counter.get() == 0
    with pytest.raises(KeyError):
        asyncio.run(coroutine)
    assert counter.get() == 1


def test_overlapping_coroutines_are_all_in_progress() -> None:
    gauge = new_gauge()

    async def main() -> None:
        release = asyncio.Event()

        @gauge.track_inprogress()
        async def work() -> None:
            await release.wait()

        tasks = [asyncio.create_task(work()) for _ in range(3)]
        await asyncio.sleep(0)
        assert gauge.get() == 3
        tasks[0].cancel()
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert gauge.get() == 0


def test_each_call_of_a_function_is_timed_separately() -> None:
    gauge = new_gauge()
    inside = threading.Barrier(2)

    @gauge.time()
    def work(wait: bool) -> str:
        if wait:
            inside.wait()
            inside.wait()
        return "done"

    slow = threading.Thread(target=work, args=(True,))
    slow.start()
    inside.wait()
    assert work(False) == "done"
    short = gauge.get()
    inside.wait()
    slow.join()
    assert 0 <= short < gauge.get()


def test_a_block_that_raises_is_timed() -> None:
    gauge = new_gauge()
    gauge.set(-1)
    with pytest.raises(KeyError), gauge.time():
        raise KeyError
    assert gauge.get() >= 0


def test_a_timer_can_choose_its_child_inside_the_block() -> None:
    parent = Gauge("gauge", "A gauge", ["who"], registry=None)
    with parent.time() as timer:
        timer.labels("me")
    assert parent.labels("me").get() == timer.duration


def test_count_exceptions_ignores_system_exit_by_default() -> None:
    counter = new_counter()
    for raised in (SystemExit, KeyError):
        with pytest.raises(raised), counter.count_exceptions():
            raise raised
    with counter.count_exceptions():
        pass
    assert counter.get() == 1
