"""Tests docs/deploy: its queries on a running stack, each file with the tool that it is for."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import interpreter
import pytest
import servers
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from servers import wait_for

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/dataclay.json").read_text())
RULES = yaml.safe_load((DEPLOY / "rules.yml").read_text())
STACK = str(Path(__file__).with_name("whole_stack.py"))  # what `make stack` runs


class Running:
    """A running `make stack`, and the addresses that it has printed."""

    def __init__(self, process: "subprocess.Popen[str]", directory: Path) -> None:
        assert process.stdout is not None
        self.directory = directory
        self.process = process
        self.printed = ""
        while "Ctrl-C" not in self.printed:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            self.printed += line
        self.urls = dict(re.findall(r"^  (\S.*?) +(http://\S+)$", self.printed, re.MULTILINE))
        self.prometheus = servers.Prometheus(urlsplit(self.urls["Prometheus"]).port or 0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Runs `make stack` for all tests of this file."""
    directory = tmp_path_factory.mktemp("stack")
    with interpreter.running(STACK, TMPDIR=str(directory)) as process:
        try:
            yield Running(process, directory)
        finally:
            process.terminate()  # killed, it would leave its servers
            process.wait(interpreter.TIMEOUT)


def processes(directory: Path) -> set[str]:
    """Returns the names of the processes whose output goes to a file in the directory."""
    found = set()
    for output in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if output.readlink().is_relative_to(directory):
                found.add((output.parents[1] / "comm").read_text().strip())
        except OSError:
            continue  # it has ended
    return found


def queries_of_dashboard() -> dict[str, str]:
    """Returns the queries by panel, with the variables of Grafana filled in."""
    return {
        f"{panel['title']}, {target['refId']}": target["expr"]
        .replace("$__rate_interval", "1m")
        .replace("$job", "dataclay")
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    }


def queries_of_page() -> dict[str, str]:
    """Returns the queries of docs/dataclay.md, by the comment above each."""
    page = (ROOT / "docs/dataclay.md").read_text()
    blocks = re.findall(r"^```promql\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    parts = re.split(r"^# (.*)\n", "".join(blocks), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rules(kind: str) -> dict[str, str]:
    return {r[kind]: r["expr"] for group in RULES["groups"] for r in group["rules"] if kind in r}


def selectors(query: str) -> list[str]:
    """Returns what a query selects: names of metrics with their labels."""
    return re.findall(r"(?:\bup|\bpush_time_seconds|\b[\w:]*dataclay_[\w:]+)(?:\{[^}]*\})?", query)


QUERIES = {
    **{f"dashboard: {name}": query for name, query in queries_of_dashboard().items()},
    **{f"docs/dataclay.md: {name}": query for name, query in queries_of_page().items()},
    **{f"rule: {name}": query for name, query in rules("record").items()},
    **{
        f"alert: {selector}": selector
        for query in rules("alert").values()
        for selector in selectors(query)
    },
}


@pytest.mark.parametrize("name", QUERIES)
def test_each_query_returns_finite_numbers(stack: Running, name: str) -> None:
    def has_numbers() -> bool:
        values = stack.prometheus.query(QUERIES[name])
        return bool(values) and all(map(math.isfinite, values))

    wait_for(has_numbers, True)


def test_the_page_lists_each_query_and_each_rule() -> None:
    page = (DEPLOY / "README.md").read_text().replace(r"\|", "|")
    cases, queries = page.split("\n## Alerts\n")[1].split("\n## Queries\n")
    for name in {**rules("record"), **rules("alert")}:
        assert re.search(
            rf"^\| `{name}` \|.*\|.*\|$", cases.split("rules.test.yml)")[1], re.MULTILINE
        )
    for name in QUERIES:
        kind, title = name.split(": ", 1)
        title = title.rsplit(", ", 1)[0] if kind == "dashboard" else title
        assert re.search(rf"[|;] `?{re.escape(title)}`?(;| \|)", queries), name


@pytest.mark.parametrize("name", rules("alert"))
def test_no_alert_fires_while_the_stack_works(stack: Running, name: str) -> None:
    assert stack.prometheus.query(rules("alert")[name]) == []


def test_all_clients_of_a_node_share_one_series_of_the_rates(stack: Running) -> None:
    query = QUERIES["dashboard: Lookups per second, by process, A"]
    short = query.replace("1m", "5s")
    assert short != query

    def lines() -> list[int]:
        return [len(stack.prometheus.query(q)) for q in (short, short.replace("> 0", ""))]

    # Two backends and a client work. A second client has ended: its counts are in the same group.
    wait_for(lines, [3, 3])


def test_the_console_shows_every_process(stack: Running) -> None:
    def rows() -> int:
        return servers.get(stack.urls["console"]).count("<tr>")

    # Three heads; two services; two backends, and the clients of the node; no alert.
    wait_for(rows, 3 + 2 + 3 + 1)
    page = servers.get(stack.urls["console"])
    assert re.search(r"<td>backend \(dataclay\)</td>\s*<td>[\d.]+</td>\s*<td>[\d.]+%</td>", page)
    assert "<td>none</td>" in page


def test_each_printed_address_responds(stack: Running) -> None:
    assert len(stack.urls) == 5
    for name, url in stack.urls.items():
        # Debian's Prometheus, unpacked without its pages, still responds here.
        assert servers.get(f"{url}/-/ready" if name == "Prometheus" else url)


def test_ctrl_c_ends_every_process(stack: Running) -> None:
    assert {"redis-server", "prometheus", Path(interpreter.PYTHON).name} <= processes(
        stack.directory
    )
    stack.process.send_signal(signal.SIGINT)
    printed, complaints = stack.process.communicate(timeout=interpreter.TIMEOUT)
    assert (stack.process.returncode, complaints) == (0, "")
    assert printed.endswith("Everything has ended.\n")
    assert processes(stack.directory) == set()
    assert list(stack.directory.iterdir()) == []


def test_every_process_ends_if_one_does_not_start(tmp_path: Path) -> None:
    broken = tmp_path / "prometheus"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    path = f"{tmp_path}:{interpreter.environment({})['PATH']}"
    ended = interpreter.run(STACK, TMPDIR=str(tmp_path), PATH=path)
    assert ended.status == 1
    assert "make stack: ['prometheus'" in ended.stderr and "status 3" in ended.stderr
    assert processes(tmp_path) == set()


@pytest.mark.parametrize(
    "arguments",
    ["check config prometheus.yml", "check rules rules.yml", "test rules rules.test.yml"],
)
def test_promtool_accepts_the_configuration_and_the_rules(arguments: str, generation: str) -> None:
    done = subprocess.run(
        [f"promtool{generation}", *arguments.split()],
        cwd=DEPLOY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    cases = yaml.safe_load((DEPLOY / "rules.test.yml").read_text())["tests"]
    alerts = [case for test in cases for case in test.get("alert_rule_test", [])]
    for name in rules("alert"):
        fires = {bool(case["exp_alerts"]) for case in alerts if case["alertname"] == name}
        assert fires == {True, False}, name


def test_the_schema_of_grafana_has_each_field_of_the_dashboard() -> None:
    """Reads it into the types that Grafana generates from its schema; nothing may get lost."""
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert lost(DASHBOARD, read) == []


def lost(ours: object, theirs: object, path: str = "") -> list[str]:
    """Returns the places of ``ours`` that are missing or different in ``theirs``."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            place
            for name, value in ours.items()
            for place in (
                lost(value, theirs[name], f"{path}/{name}")
                if name in theirs
                else [f"{path}/{name}"]
            )
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            place
            for at, (one, other) in enumerate(zip(ours, theirs, strict=True))
            for place in lost(one, other, f"{path}/{at}")
        ]
    return [] if ours == theirs else [path]


def test_grafana_reads_the_dashboard_from_the_mount_of_docker_compose() -> None:
    """Compares the paths and names that three files must agree on."""
    (provider,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/dataclay.yml").read_text()
    )["providers"]
    (source,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"]
    services = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())["services"]
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert source["url"] == "http://prometheus:9090" and "prometheus" in services


@pytest.mark.parametrize("files", [[""], ["", ".pushgateway"]], ids=["http", "pushgateway"])
def test_docker_compose_accepts_the_files(files: list[str]) -> None:
    if shutil.which("docker-compose") is None:
        pytest.skip("tests/servers.sh found no docker-compose for this machine")
    chosen = [word for file in files for word in ("-f", f"docker-compose{file}.yml")]
    done = subprocess.run(
        ["docker-compose", *chosen, "config", "--format", "json"],
        cwd=DEPLOY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower()
    services = json.loads(done.stdout)["services"]
    exporter = "pushgateway" if len(files) == 2 else "http"
    assert ("pushgateway" in services) == (exporter == "pushgateway")
    for name in ("metadata", "backend1", "backend2"):
        assert services[name]["environment"]["DATACLAY_METRICS_EXPORTER"] == exporter
    for service in services.values():
        for volume in service.get("volumes", []):
            # The mounts need dist, which `make wheel` builds, and a model, which the user has.
            if volume["type"] == "bind" and Path(volume["source"]).name not in ("dist", "model"):
                assert Path(volume["source"]).exists(), volume


@pytest.mark.parametrize(
    ("unit", "program"),
    [
        ("dataclay-backend@", "/opt/dataclay/bin/python"),
        ("dataclay-metrics@", "/opt/dataclay/bin/dataclay-metrics"),
    ],
)
def test_systemd_accepts_the_units(unit: str, program: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    text = (DEPLOY / f"{unit}.service").read_text()
    assert program in text
    file = tmp_path / f"{unit}1.service"
    file.write_text(text.replace(program, interpreter.PYTHON))
    done = subprocess.run(
        ["systemd-analyze", "verify", file], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_slurm_starts_and_stops_the_resident(tmp_path: Path) -> None:
    # Neither runs where the tests do: they write down what they are asked.
    for program in ("systemctl", "squeue"):
        file = tmp_path / program
        file.write_text(f'#!/bin/sh\necho {program} "$@" >> {tmp_path}/asked; echo "$JOBS"\n')
        file.chmod(0o700)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_JOB_UID": "1000",
        "SLURMD_NODENAME": "node1",
    }

    def run(script: str, jobs: str = "") -> str:
        (tmp_path / "asked").write_text("")
        command = ["sh", str(DEPLOY / "slurm" / f"{script}.sh")]
        said = subprocess.check_output(command, env=environment | {"JOBS": jobs}, text=True)
        return said if script == "task-prolog" else (tmp_path / "asked").read_text()

    assert run("prolog") == "systemctl start dataclay-metrics@1000\n"
    squeue = "squeue --noheader --nodelist=node1 --user=1000 --states=RUNNING\n"
    assert run("epilog", "17 another job") == squeue
    assert run("epilog") == f"{squeue}systemctl stop dataclay-metrics@1000\n"
    directory = f"DATACLAY_METRICS_DIR=/dev/shm/dataclay-metrics-{os.getuid()}"
    assert directory in run("task-prolog")
    assert (
        directory.replace(f"{os.getuid()}", "%i").split("=")[1]
        in (DEPLOY / "dataclay-metrics@.service").read_text()
    )


def test_every_yaml_file_can_be_parsed() -> None:
    files = [*DEPLOY.rglob("*.yml"), *DEPLOY.rglob("*.yaml")]
    assert len(files) >= 12
    for file in files:
        assert yaml.safe_load(file.read_text()) is not None, file
