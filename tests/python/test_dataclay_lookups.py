"""Hits + misses == lookups, exactly, by what the client knows that it asked for and by its log."""

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
    # Tasks that ask for an object at once when it is not in memory: one makes it, the others find
    # it on their second try.
    held = await asyncio.gather(*[runtime.get_object_by_id(id) for id in ids * TASKS])
    for id in ids:
        await runtime.get_object_by_id(id)  # at once
    for _ in range(UNKNOWN):
        try:
            await runtime.get_object_by_id(uuid.uuid4())
        except Exception as error:
            print("unknown", type(error).__name__)
    # Lookups that never end: cancelled as they wait, and abandoned.
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
# The lookups of CODE: tasks, at once, unknown, never ended.
LOOKUPS = 20 * 50 + 20 + 10 + 2
MISSES = 20 + 10 + 2


@pytest.fixture(scope="module")
def without_metrics(dataclay: Stack) -> list[int]:
    """How often each of LINES stands in the log of CODE without metrics."""
    client = dataclay.client(CODE, way="upstream").ends_well()
    return [len(client.lines(line)) for line in LINES]


def test_every_lookup_is_a_hit_or_a_miss(dataclay: Stack, without_metrics: list[int]) -> None:
    code = f"""{CODE}
import dataclay_metrics
print("hits", dataclay_metrics.dataclay_inmemory_hits_total.get())
print("misses", dataclay_metrics.dataclay_inmemory_misses_total.get())
"""
    client = dataclay.client(code, way="pth", **exporting("http", 0)).ends_well()
    hits, misses = (
        int(n) for n in re.findall(r"^(?:hits|misses) (\d+)$", client.text(), re.MULTILINE)
    )
    assert (hits + misses, misses) == (LOOKUPS, MISSES)
    # The two that never ended had not come so far as to log that they miss.
    assert client.lookups() == (LOOKUPS, MISSES - 2)
    # And dataClay's log is what it is without us.
    assert [len(client.lines(line)) for line in LINES] == without_metrics


def test_metrics_that_are_off_change_nothing(dataclay: Stack) -> None:
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
    client = dataclay.client(code, way="pth").ends_well()
    assert client.lines("wrapped ") == ["wrapped False"]
    assert client.lines("loaded ") == ["loaded False"]
