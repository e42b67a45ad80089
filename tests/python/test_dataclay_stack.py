"""Tests a whole dataClay with a real Prometheus and Pushgateway."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import servers
from prometheus_client.samples import Sample
from servers import Prometheus, Pushgateway, free_port, wait_for
from stack import HITS, MISSES, Program, Stack, exporting, running

IDLE = 20  # seconds without lookups

WORK = """
from dataclay import Client
from dataclay.contrib.modeltest.family import Family, Person
client = Client()
client.start()
families = []
for backend in client.get_backends():
    family = Family()
    family.make_persistent(backend_id=backend)
    for n in range(5):
        family.add(Person(str(n), n))
    families.append(family)
for family in families * 3:
    assert len([person.name for person in family.members]) == 5
    family.add_year()
print("worked", flush=True)
"""
LONG = WORK + "wait_for('end')\nclient.stop()"
SHORT = WORK + "client.stop()"


def start(
    dataclay: Stack, settings: Callable[[str], dict[str, str]]
) -> tuple[list[Program], list[Program]]:
    """Starts services and clients. Returns the counting programs, and the running ones."""
    metadata = dataclay.metadata(way="pth", **settings("metadata"))
    backends = [dataclay.backend(way="pth", **settings(f"backend{n}")) for n in range(2)]
    long = dataclay.client(LONG, way="pth", **settings("long"))
    long.wait_for_line("worked")
    short = dataclay.client(SHORT, way="pth", **settings("short")).wait_for_success()
    return [*backends, long, short], [long, *backends, metadata]


def test_exported_counts_match_the_logs(
    tmp_path: Path,
    pushgateway: Pushgateway,
    prometheus: Callable[[dict[str, str]], Prometheus],
) -> None:
    """Runs one dataClay for each exporter, with different jobs."""
    ports = {name: free_port() for name in ("metadata", "backend0", "backend1", "long", "short")}
    for directory in ("scraped", "pushed"):
        (tmp_path / directory).mkdir()

    def scraped(name: str) -> dict[str, str]:
        return exporting(
            "http",
            ports[name],
            DATACLAY_METRICS_GATEWAY=pushgateway.address,
            DATACLAY_METRICS_JOB="scraped",
        )

    def pushed(name: str) -> dict[str, str]:
        return exporting("pushgateway", pushgateway.port, DATACLAY_METRICS_JOB="pushed")

    targets = {f"scraped_{name}": f"127.0.0.1:{port}" for name, port in ports.items()}
    server = prometheus(targets | {"pushgateway": pushgateway.address})
    with running(tmp_path / "scraped") as first, running(tmp_path / "pushed") as second:
        programs = {"scraped": start(first, scraped), "pushed": start(second, pushed)}
        for job, (counting, _) in programs.items():
            lookups, misses = (sum(n) for n in zip(*(p.lookups() for p in counting), strict=True))
            assert lookups > misses > 0

            def total(name: str, job: str = job) -> list[float]:
                return server.query(f'sum({name}{{job=~"{job}.*"}})')

            # The sum over groups and targets equals the sum over processes.
            wait_for(lambda: total(HITS), [lookups - misses])
            wait_for(lambda: total(MISSES), [misses])

        # Each process exports its counts.
        for name, program in zip(
            ("backend0", "backend1", "long"), programs["scraped"][0][:3], strict=True
        ):
            text = servers.get(f"http://127.0.0.1:{ports[name]}/metrics")
            assert counts(servers.samples(text)) == [program.lookups()]
        short = programs["scraped"][0][3]
        for job, pushing in (("scraped", [short]), ("pushed", programs["pushed"][0])):
            groups = counts(s for s in pushgateway.samples() if s.labels.get("job") == job)
            assert sorted(groups) == sorted(p.lookups() for p in pushing)

        # Prometheus computes no increase while dataClay is idle.
        (began,) = server.query("vector(time())")
        wait_for(lambda: server.query("vector(time())")[0] > began + IDLE, True, 2 * IDLE)
        for name in (HITS, MISSES):
            series = server.query(f'{name}{{job=~"(scraped|pushed).*"}}')
            assert len(series) == 8
            assert server.query(f"increase({name}[{IDLE}s])") == [0.0] * 8
            assert server.query(f"resets({name}[{IDLE}s])") == [0.0] * 8
        assert not server.query('{__name__=~"dataclay_inmemory.*",job="scraped_metadata"}')
        assert not server.query('{__name__=~"dataclay_inmemory.*",service="metadata"}')
        assert len(server.query('process_cpu_seconds_total{service="metadata"}')) == 1


def counts(samples: Iterable[Sample]) -> list[tuple[float, float]]:
    """Returns the lookups and the misses of each instance."""
    found: dict[str, dict[str, float]] = {}
    for sample in samples:
        if sample.name in (HITS, MISSES):
            found.setdefault(sample.labels.get("instance", ""), {})[sample.name] = sample.value
    return [(values[HITS] + values[MISSES], values[MISSES]) for values in found.values()]


@pytest.mark.timed
@pytest.mark.parametrize("gateway", ["down", "silent", "black_hole"])
def test_no_gateway_delays_the_exit_of_a_process(
    tmp_path: Path, request: pytest.FixtureRequest, gateway: str
) -> None:
    port = free_port() if gateway == "down" else request.getfixturevalue(gateway)
    settings = exporting("pushgateway", port)
    with running(tmp_path) as dataclay:
        metadata = dataclay.metadata(way="pth", **settings)
        backend = dataclay.backend(way="pth", **settings)
        client = dataclay.client(
            WORK + "print('stopping', time.time(), flush=True)\nclient.stop()",
            way="pth",
            **settings,
        )
        client.wait_for_line("stopping ")
        (stopping,) = client.lines("stopping ")
        seen = time.time() - float(stopping.split()[1])
        assert seen + client.seconds_to_end() < 1.0
        assert client.process.returncode == 0, client.text()
        assert backend.terminate() < 2.0
        assert metadata.terminate() < 2.0
        assert (backend.process.returncode, metadata.process.returncode) == (0, 0)
