"""Tests that wrong numbers of the metrics in dataClay 4.3.1 do not occur with this package.

The letter in each name identifies the defect in our list. With ``--way upstream``, dataClay uses
its metrics without this package, and each of these tests fails.
"""

import re
from pathlib import Path

import servers
from servers import Pushgateway, free_port, wait_for
from stack import HITS, MISSES, STOP, WORK, Stack, exporting, running

FIVE_METRICS = {
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    HITS,
    MISSES,
}


def test_c_every_process_pushes_a_separate_group(
    tmp_path: Path, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("pushgateway", pushgateway.port)
    with running(tmp_path) as dataclay:
        dataclay.metadata(way=way, **settings)
        backend = dataclay.backend(way=way, **settings)
        clients = [
            dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings) for _ in range(2)
        ]
        for client in clients:
            client.wait_for_line("Client runtime started")
        wait_for(lambda: len(pushgateway.groups()), 4)
        instances = {group["instance"] for group in pushgateway.groups()}
        assert len(instances) == 4
        for client in clients:
            client.touch("end")
            client.wait_for_success()
        # Pushes of other processes do not replace the counts of the backend.
        lookups, misses = backend.lookups()
        wait_for(lambda: pushgateway.values_by_service(HITS)["backend"] == lookups - misses, True)


def test_d_misses_are_counted(dataclay: Stack, way: str) -> None:
    port = free_port()
    code = WORK + f"text = scrape({port}); print('misses', value(text, '{MISSES}'))" + STOP
    client = dataclay.client(code, way=way, **exporting("http", port)).wait_for_success()
    lookups, misses = client.lookups()
    assert (lookups, misses) == (20, 10)
    assert client.lines("misses") == ["misses 10.0"]


def test_f_a_short_client_pushes_all_its_counts(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("pushgateway", pushgateway.port, DATACLAY_METRICS_PUSH_INTERVAL="10")
    client = dataclay.client(WORK + STOP, way=way, **settings).wait_for_success()
    lookups, misses = client.lookups()
    assert (lookups, misses) == (20, 10)
    assert list(pushgateway.values(HITS).values()) == [10.0]
    assert list(pushgateway.values(MISSES).values()) == [10.0]


def test_h_services_without_objects_export_none_of_the_five_metrics(
    tmp_path: Path, way: str
) -> None:
    ports = [free_port(), free_port()]
    with running(tmp_path) as dataclay:
        dataclay.metadata(way=way, **exporting("http", ports[0]))
        dataclay.proxy(way=way, **exporting("http", ports[1]))
        for port in ports:
            text = servers.get(f"http://127.0.0.1:{port}/metrics")
            names = {sample.name for sample in servers.samples(text)}
            assert not names & FIVE_METRICS
            assert not [name for name in names if name.startswith("python_")]
            assert {"process_cpu_seconds_total", "dataclay_metrics_build_info"} <= names


# Clients of the next test: the first creates eleven objects, one loads five, and one unloads all.
ELEVEN = """
from dataclay import Client
from dataclay.contrib.modeltest.family import Family, Person
client = Client()
client.start()
family = Family()
family.make_persistent("eleven")
for n in range(10):
    family.add(Person(str(n), n))
client.stop()
"""
LOAD_FIVE = """
from dataclay import Client
from dataclay.contrib.modeltest.family import Family
client = Client()
client.start()
for person in Family.get_by_alias("eleven").members[:4]:  # the family is also an object
    print(person.name)
client.stop()
"""
UNLOAD = """
from dataclay import Client
from dataclay.event_loop import run_dc_coroutine
client = Client()
client.start()
for backend in client.get_backends().values():
    run_dc_coroutine(backend.flush_all)
client.stop()
"""


def test_i_stored_objects_are_those_on_disk_and_not_loaded(tmp_path: Path, way: str) -> None:
    storage = tmp_path / "storage"
    with running(tmp_path) as dataclay:
        dataclay.metadata(way="upstream")
        first = dataclay.backend(storage, way="upstream")
        dataclay.client(ELEVEN, way="upstream").wait_for_success()
        first.terminate()  # a backend writes its objects to disk when it ends

        port = free_port()
        dataclay.backend(storage, way=way, **exporting("http", port))

        def stored_and_loaded() -> tuple[float, float]:
            found = {
                s.name: s.value
                for s in servers.samples(servers.get(f"http://127.0.0.1:{port}/metrics"))
            }
            return found["dataclay_stored_objects"], found["dataclay_loaded_objects"]

        assert stored_and_loaded() == (11, 0)
        dataclay.client(LOAD_FIVE, way="upstream").wait_for_success()
        assert stored_and_loaded() == (6, 5)
        dataclay.client(UNLOAD, way="upstream").wait_for_success()
        assert stored_and_loaded() == (11, 0)
        dataclay.client(LOAD_FIVE, way="upstream").wait_for_success()
        dataclay.client(LOAD_FIVE, way="upstream").wait_for_success()
        assert stored_and_loaded() == (6, 5)


def test_j_gauges_sum_all_live_runtimes_and_hold_only_weak_references(
    dataclay: Stack, way: str
) -> None:
    port = free_port()
    name = "dataclay_inmemory_objects"
    code = f"""
import gc, weakref
def objects():
    return value(scrape({port}), "{name}")

from dataclay import Client
from dataclay.contrib.modeltest.family import Person

def make(count):
    held = [Person(str(n), n) for n in range(count)]
    for person in held:
        person.make_persistent()
    return held

first = Client()
first.start()
three = make(3)
second = Client()
second.start()  # becomes the current client
two = make(2)
print("both", objects())
second.stop()
print("one stopped", objects())
first.stop()
print("all stopped", objects())
third = Client()
third.start()
print("third started", objects())
four = make(4)
print("in use", objects())

third.stop()
runtime = weakref.ref(third.runtime)
del third, four
gc.collect()
print("collected", runtime() is None)
"""
    client = dataclay.client(code, way=way, **exporting("http", port)).wait_for_success()
    printed = re.findall(
        r"^(both|one stopped|all stopped|third started|in use|collected) (.*)$",
        client.text(),
        re.MULTILINE,
    )
    assert printed == [
        ("both", "5.0"),
        ("one stopped", "3.0"),
        ("all stopped", "0.0"),
        ("third started", "0.0"),
        ("in use", "4.0"),
        ("collected", "True"),
    ]


def test_o_a_dotenv_file_selects_the_exporter_and_its_metrics(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    dotenv = f"""
DATACLAY_METRICS=true
DATACLAY_METRICS_EXPORTER=pushgateway
DATACLAY_METRICS_HOST=127.0.0.1
DATACLAY_METRICS_PORT={pushgateway.port}
dataclay_metrics_push_interval=1
"""
    client = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, dotenv=dotenv)
    wait_for(lambda: len(pushgateway.groups()), 1)
    names = {s.name for s in pushgateway.samples() if s.labels.get("job") == "dataclay"}
    assert {HITS, MISSES, "dataclay_inmemory_objects"} <= names
    assert not [name for name in names if name.startswith("python_")]
    client.touch("end")
    client.wait_for_success()


def test_q_an_application_metric_of_the_same_name_stays_separate(dataclay: Stack, way: str) -> None:
    port = free_port()
    code = f"""
import prometheus_client
prometheus_client.Counter("dataclay_inmemory_hits_total", "Of the application").inc(1000)
{WORK}
print("dataclay", value(scrape({port}), "{HITS}"))
print("application", value(prometheus_client.generate_latest().decode(), "{HITS}"))
{STOP}"""
    client = dataclay.client(code, way=way, **exporting("http", port)).wait_for_success()
    assert client.lines("dataclay 1") == ["dataclay 10.0"]
    assert client.lines("application 1") == ["application 1000.0"]


def test_t_a_short_scraped_client_pushes_its_last_counts(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("http", free_port(), DATACLAY_METRICS_GATEWAY=pushgateway.address)
    dataclay.client(WORK + STOP, way=way, **settings).wait_for_success()
    assert list(pushgateway.values(HITS).values()) == [10.0]
