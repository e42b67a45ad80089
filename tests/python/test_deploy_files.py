"""Tests each file of docs/deploy with the tool that reads it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import interpreter
import pytest
import yaml
from deploy_queries import DASHBOARD, DEPLOY, QUERIES, rules
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


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
    """Decodes and encodes it with the types that Grafana generates from its schema."""
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert differences(DASHBOARD, read) == []


def differences(ours: object, theirs: object, path: str = "") -> list[str]:
    """Returns the paths of values in ``ours`` that ``theirs`` lacks or changes."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            place
            for name, value in ours.items()
            for place in (
                differences(value, theirs[name], f"{path}/{name}")
                if name in theirs
                else [f"{path}/{name}"]
            )
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            place
            for at, (one, other) in enumerate(zip(ours, theirs, strict=True))
            for place in differences(one, other, f"{path}/{at}")
        ]
    return [] if ours == theirs else [path]


def test_grafana_reads_the_dashboard_from_the_mount_of_docker_compose() -> None:
    """Compares the paths and the names in three files."""
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
            # `make wheel` creates dist, and the user provides the model.
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
    # This machine has neither program. Stand-ins record their arguments.
    for program in ("systemctl", "squeue"):
        file = tmp_path / program
        file.write_text(f'#!/bin/sh\necho {program} "$@" >> {tmp_path}/calls; echo "$JOBS"\n')
        file.chmod(0o700)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_JOB_UID": "1000",
        "SLURMD_NODENAME": "node1",
    }

    def run(script: str, jobs: str = "") -> str:
        (tmp_path / "calls").write_text("")
        command = ["sh", str(DEPLOY / "slurm" / f"{script}.sh")]
        printed = subprocess.check_output(command, env=environment | {"JOBS": jobs}, text=True)
        return printed if script == "task-prolog" else (tmp_path / "calls").read_text()

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
