"""Tests that hits and misses add up to the lookups of a client and of its log."""

import re

import pytest
from stack import Stack, exporting

CODE = """
import asyncio, gc, uuid
from dataclay import Client
from dataclay.config import get_runtime
from dataclay.contrib.modeltest.family import Person
from dataclay.event_loop import run_dc_coroutine

client = Client()
client.start()
OBJECTS, TASKS, UNKNOWN = 20, 50, 10
ids = []
for n in range(OBJECTS):
    person = Person(str(n), n)
    person.make_persistent()
    ids.append(person._dc_meta.id)
del person
gc.collect()

async def look_up():
    runtime = get_runtime()
    # Many tasks look up each object, which is not in memory. One of them creates it, and the others
    # find it when they try again.
    held = await asyncio.gather(*[runtime.get_object_by_id(id) for id in ids * TASKS])
    for id in ids:
        await runtime.get_object_by_id(id)  # found at the first try
    for _ in range(UNKNOWN):
        try:
            await runtime.get_object_by_id(uuid.uuid4())
        except Exception as error:
            print("unknown", type(error).__name__)
    # Two lookups do not end: one is cancelled while it waits, and one is closed.
    task = asyncio.ensure_future(runtime.get_object_by_id(uuid.uuid4()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    lookup = runtime.get_object_by_id(uuid.uuid4())
    lookup.send(None)
    lookup.close()
    return held

held = run_dc_coroutine(look_up)
client.stop()
"""
LINES = [
    "Getting dataclay object by id",
    "Object found in inmemory_objects",
    "Object not found in inmemory_objects",
    "unknown ",
]
# The lookups of CODE: by tasks, found at the first try, unknown, not ended.
LOOKUPS = 20 * 50 + 20 + 10 + 2
MISSES = 20 + 10 + 2


@pytest.fixture(scope="module")
def without_metrics(dataclay: Stack) -> list[int]:
    """Returns how often the log of CODE has each of LINES, without metrics."""
    client = dataclay.client(CODE, way="upstream").wait_for_success()
    return [len(client.lines(line)) for line in LINES]


def test_every_lookup_is_a_hit_or_a_miss(dataclay: Stack, without_metrics: list[int]) -> None:
    code = f"""{CODE}
import dataclay_metrics
print("hits", dataclay_metrics.dataclay_inmemory_hits_total.get())
print("misses", dataclay_metrics.dataclay_inmemory_misses_total.get())
"""
    client = dataclay.client(code, way="pth", **exporting("http", 0)).wait_for_success()
    hits, misses = (
        int(n) for n in re.findall(r"^(?:hits|misses) (\d+)$", client.text(), re.MULTILINE)
    )
    assert (hits + misses, misses) == (LOOKUPS, MISSES)
    # The two lookups that do not end stop before they log a miss.
    assert client.lookups() == (LOOKUPS, MISSES - 2)
    # The metrics do not change dataClay's log.
    assert [len(client.lines(line)) for line in LINES] == without_metrics


def test_disabled_metrics_do_not_change_dataclay(dataclay: Stack) -> None:
    code = """
import inspect
from dataclay import Client
from dataclay.runtime import DataClayRuntime
client = Client()
client.start()
client.stop()
print("wrapped", hasattr(DataClayRuntime.get_object_by_id, "__wrapped__"))
print("loaded", "dataclay.utils.metrics" in sys.modules)
"""
    client = dataclay.client(code, way="pth").wait_for_success()
    assert client.lines("wrapped ") == ["wrapped False"]
    assert client.lines("loaded ") == ["loaded False"]
