"""The defects of dataClay 4.3.1's own metrics, one test for each, by its letter in our list.

With ``--way upstream`` dataClay runs on its own metrics: then every one of these tests fails.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import interpreter
import pytest
import servers
from servers import Pushgateway, free_port, wait_for
from stack import Stack, exporting, running

HITS = "dataclay_inmemory_hits_total"
MISSES = "dataclay_inmemory_misses_total"
FIVE = {
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    HITS,
    MISSES,
}

# A client that makes ten objects, and looks each up twice. `held` keeps them in memory.
WORK = """
from dataclay import Client
from dataclay.config import get_runtime
from dataclay.event_loop import run_dc_coroutine
from dataclay.contrib.modeltest.family import Family, Person
client = Client()
client.start()
ids = []
for n in range(10):
    person = Person(str(n), n)
    person.make_persistent()
    ids.append(person._dc_meta.id)
del person
held = [run_dc_coroutine(get_runtime().get_object_by_id, id) for id in ids]
for id in ids:
    run_dc_coroutine(get_runtime().get_object_by_id, id)
"""
STOP = """
print("stopping", time.time(), flush=True)
client.stop()
"""


def test_a_every_process_ends_by_itself(tmp_path: Path, pushgateway: Pushgateway, way: str) -> None:
    settings = exporting("pushgateway", pushgateway.port)
    with running(tmp_path) as dataclay:
        metadata = dataclay.metadata(way=way, **settings)
        backend = dataclay.backend(way=way, **settings)
        client = dataclay.client(WORK + STOP, way=way, **settings)
        client.process.wait(timeout=20)
        assert backend.terminate() < 2.0
        assert metadata.terminate() < 2.0


def test_b_the_push_interval_is_honoured(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    client = dataclay.client(
        WORK + "wait_for('end')" + STOP,
        way=way,
        **exporting("pushgateway", pushgateway.port, DATACLAY_METRICS_PUSH_INTERVAL="1"),
    )
    wait_for(lambda: pushgateway.pushes() >= 1, True)
    began = time.monotonic()
    wait_for(lambda: pushgateway.pushes() >= 4, True)
    assert time.monotonic() - began < 9.0  # 3 s; with the 10 s of upstream, 30
    client.touch("end")


def test_c_every_process_pushes_a_group_of_its_own(
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
            client.ends_well()
        # What the backend counted stays, whoever pushes.
        lookups, misses = backend.lookups()
        wait_for(lambda: pushgateway.by_service(HITS)["backend"], lookups - misses)


def test_d_misses_are_counted(dataclay: Stack, way: str) -> None:
    port = free_port()
    code = WORK + f"text = scrape({port}); print('misses', value(text, '{MISSES}'))" + STOP
    client = dataclay.client(code, way=way, **exporting("http", port)).ends_well()
    lookups, misses = client.lookups()
    assert (lookups, misses) == (20, 10)
    assert client.lines("misses") == ["misses 10.0"]


def test_e_a_taken_port_does_not_end_the_process(dataclay: Stack, way: str) -> None:
    port = free_port()
    settings = exporting("http", port)
    first = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
    wait_for(lambda: servers.listens(port), True)
    second = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
    second.wait_for_line("Client runtime started")
    (warning,) = second.lines("WARNING:dataclay_metrics")
    taken, other = map(int, re.findall(r"port (\d+)", warning))
    assert taken == port
    assert port < other < port + 10
    wait_for(lambda: HITS in servers.get(f"http://127.0.0.1:{other}/metrics"), True)
    for client in (first, second):
        client.touch("end")
        client.ends_well()


def test_f_a_short_client_reports_all_it_counted(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("pushgateway", pushgateway.port, DATACLAY_METRICS_PUSH_INTERVAL="10")
    client = dataclay.client(WORK + STOP, way=way, **settings).ends_well()
    lookups, misses = client.lookups()
    assert (lookups, misses) == (20, 10)
    assert list(pushgateway.values(HITS).values()) == [10.0]
    assert list(pushgateway.values(MISSES).values()) == [10.0]


def test_g_a_gateway_that_is_down_is_logged_once_and_never_printed(
    dataclay: Stack, tmp_path: Path, way: str
) -> None:
    port = free_port()
    client = dataclay.client(
        WORK + "wait_for('end')" + STOP, way=way, **exporting("pushgateway", port)
    )
    client.wait_for_line("Client runtime started")
    client.wait_for_line("WARNING:dataclay_metrics:")
    with servers.pushgateway(tmp_path, port) as gateway:
        wait_for(lambda: len(gateway.groups()), 1)
        wait_for(lambda: len(client.lines("dataclay_metrics:")), 3)
        client.touch("end")
        client.ends_well()
    start, failure, recovery = client.lines("dataclay_metrics:")
    assert f"127.0.0.1:{port}" in start and start.startswith("INFO:")
    assert f"127.0.0.1:{port}" in failure and failure.startswith("WARNING:")
    assert f"127.0.0.1:{port}" in recovery and "again" in recovery
    assert not client.lines("Error pushing to gateway")


def test_h_services_without_objects_export_none_of_the_five(tmp_path: Path, way: str) -> None:
    port = free_port()
    with running(tmp_path) as dataclay:
        dataclay.metadata(way=way, **exporting("http", port))
        names = {
            sample.name
            for sample in servers.samples(servers.get(f"http://127.0.0.1:{port}/metrics"))
        }
    assert not names & FIVE
    assert "process_cpu_seconds_total" in names


# What a backend of the test below has, and what it is told to do with it.
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
for person in Family.get_by_alias("eleven").members[:4]:  # the family is the fifth
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
        first = dataclay.backend(way="upstream", storage=storage)
        dataclay.client(ELEVEN, way="upstream").ends_well()
        first.terminate()  # which writes all objects to disk

        port = free_port()
        dataclay.backend(way=way, storage=storage, **exporting("http", port))

        def stored_and_loaded() -> tuple[float, float]:
            found = {
                s.name: s.value
                for s in servers.samples(servers.get(f"http://127.0.0.1:{port}/metrics"))
            }
            return found["dataclay_stored_objects"], found["dataclay_loaded_objects"]

        assert stored_and_loaded() == (11, 0)
        dataclay.client(LOAD_FIVE, way="upstream").ends_well()
        assert stored_and_loaded() == (6, 5)
        dataclay.client(UNLOAD, way="upstream").ends_well()
        assert stored_and_loaded() == (11, 0)
        dataclay.client(LOAD_FIVE, way="upstream").ends_well()
        dataclay.client(LOAD_FIVE, way="upstream").ends_well()
        assert stored_and_loaded() == (6, 5)


def test_j_gauges_sum_over_live_runtimes_and_keep_none_alive(dataclay: Stack, way: str) -> None:
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
second.start()  # and is the current one now
two = make(2)
print("both", objects())
second.stop()
print("one stopped", objects())
first.stop()
print("all stopped", objects())
third = Client()
third.start()
print("started anew", objects())
four = make(4)
print("in use", objects())

runtime = weakref.ref(second.runtime)
del second
gc.collect()
print("collected", runtime() is None)
third.stop()
"""
    client = dataclay.client(code, way=way, **exporting("http", port)).ends_well()
    told = re.findall(
        r"^(both|one stopped|all stopped|started anew|in use|collected) (.*)$", client.text(), re.M
    )
    assert told == [
        ("both", "5.0"),
        ("one stopped", "3.0"),
        ("all stopped", "0.0"),
        ("started anew", "0.0"),
        ("in use", "4.0"),
        ("collected", "True"),
    ]


FORK = """
from dataclay import Client
import dataclay.utils.metrics as metrics
client = Client()  # starts the exporter, and no thread of dataClay's
for _ in range(3):
    metrics.dataclay_inmemory_hits_total.inc()
child = os.fork()
if child == 0:
    for _ in range(4):
        metrics.dataclay_inmemory_hits_total.inc()
    wait_for("child")
    sys.exit()
print("forked", flush=True)
wait_for("parent")
"""


def test_l_a_forked_child_exports_its_own_counts(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    client = dataclay.client(FORK, way=way, **exporting("pushgateway", pushgateway.port))
    client.wait_for_line("forked")
    client.touch("parent")
    client.touch("child")
    client.ends_well()
    wait_for(lambda: sorted(pushgateway.values(HITS).values()), [3.0, 4.0])


def test_l_a_forked_child_does_not_answer_on_its_parents_port(dataclay: Stack, way: str) -> None:
    port = free_port()
    client = dataclay.client(FORK, way=way, **exporting("http", port))
    client.wait_for_line("forked")
    assert f"\n{HITS} 3" in servers.get(f"http://127.0.0.1:{port}/metrics")
    client.touch("parent")
    client.ends_well()
    assert not servers.listens(port)
    client.touch("child")


def test_m_http_listens_where_it_is_told_and_says_so(dataclay: Stack, way: str) -> None:
    for host, elsewhere in (("127.0.0.1", False), (None, True)):
        port = free_port()
        settings = exporting("http", port)
        if host is None:
            del settings["DATACLAY_METRICS_HOST"]
        client = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
        wait_for(lambda port=port: servers.listens(port), True)  # type: ignore[misc]
        assert servers.listens(port, "127.0.0.2") is elsewhere
        client.wait_for_line(f"http://{host or '0.0.0.0'}:{port}/metrics")
        client.touch("end")
        client.ends_well()


def test_o_a_dotenv_file_chooses_the_exporter_and_what_it_exports(
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
    client.ends_well()


def test_p_groups_of_dead_processes_can_be_swept(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("pushgateway", pushgateway.port)
    live = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
    dead = dataclay.client(WORK + "os._exit(0)", way=way, **settings)
    live.wait_for_line("Client runtime started")
    wait_for(lambda: len(pushgateway.groups()), 2)
    dead.wait()

    def sweep(*arguments: str) -> str:
        command = ["sweep", "--older-than", "4s", "--gateway", pushgateway.address, *arguments]
        ended = interpreter.run("-m", "dataclay_metrics", *command)
        assert ended.status == 0, ended.stderr
        return ended.stdout

    wait_for(lambda: "1 group on" in sweep(), True)
    assert f':{dead.process.pid}"' in sweep()
    assert len(pushgateway.groups()) == 2  # nothing was deleted so far
    assert "1 group deleted" in sweep("--delete")
    (group,) = pushgateway.groups()
    assert group["instance"].endswith(f":{live.process.pid}")
    live.touch("end")
    live.ends_well()


def test_q_a_metric_of_the_same_name_in_the_application_does_not_matter(
    dataclay: Stack, way: str
) -> None:
    port = free_port()
    code = f"""
import prometheus_client
prometheus_client.Counter("dataclay_inmemory_hits_total", "of the application").inc(1000)
{WORK}
print("ours", value(scrape({port}), "{HITS}"))
print("theirs", value(prometheus_client.generate_latest().decode(), "{HITS}"))
{STOP}"""
    client = dataclay.client(code, way=way, **exporting("http", port)).ends_well()
    assert client.lines("ours ") == ["ours 10.0"]
    assert client.lines("theirs ") == ["theirs 1000.0"]


def test_t_a_short_client_that_is_scraped_leaves_its_counts(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("http", free_port(), DATACLAY_METRICS_GATEWAY=pushgateway.address)
    dataclay.client(WORK + STOP, way=way, **settings).ends_well()
    assert list(pushgateway.values(HITS).values()) == [10.0]


def test_u_a_gateway_without_a_port_is_at_9091(dataclay: Stack, way: str) -> None:
    client = dataclay.client(
        "from dataclay import Client; Client()", way=way, **exporting("pushgateway", None)
    ).ends_well()
    assert client.lines("127.0.0.1:9091/")
