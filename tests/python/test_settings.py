"""Tests the DATACLAY_METRICS* variables and set_metrics(): the exporters, and the errors."""

import dataclay_metrics
import interpreter
import pytest
from servers import free_port

START = """
import os
import dataclay_metrics
try:
    dataclay_metrics.start()
except ValueError as error:
    print(error)
print(len(os.listdir("/proc/self/task")), "thread")
"""

# Each row has a variable, a wrong value, and words of the error.
WRONG = [
    ("DATACLAY_METRICS", "maybe", ["true", "false"]),
    ("DATACLAY_METRICS_PORT", "abc", ["65535"]),
    ("DATACLAY_METRICS_PORT", "99999", ["65535"]),
    ("DATACLAY_METRICS_PORT", "-1", ["65535"]),
    ("DATACLAY_METRICS_EXPORTER", "prometheus", ["http", "pushgateway", "none"]),
    ("DATACLAY_METRICS_PUSH_INTERVAL", "-5", ["seconds"]),
    ("DATACLAY_METRICS_PUSH_INTERVAL", "nan", ["seconds"]),
    ("DATACLAY_METRICS_HOST", "a b", ["host name"]),
]


@pytest.mark.parametrize("exporter", ["http", "pushgateway"])
@pytest.mark.parametrize(("variable", "value", "rule"), WRONG)
def test_a_wrong_value_raises_an_error_before_a_thread_starts(
    exporter: str, variable: str, value: str, rule: list[str]
) -> None:
    variables = {
        "DATACLAY_METRICS_EXPORTER": exporter,
        "DATACLAY_METRICS_PORT": str(free_port()),
    } | {variable: value}
    message, threads = interpreter.output(START, **variables).splitlines()
    assert threads == "1 thread"
    assert variable in message
    assert f'"{value}"' in message or f"'{value}'" in message or f"={value}" in message
    assert all(word in message for word in rule)


@pytest.mark.parametrize(
    ("host", "port", "exporter", "message_part"),
    [
        ("localhost", 99999, "http", "99999"),
        ("localhost", -1, "pushgateway", "-1"),
        ("localhost", 9091, "prometheus", "prometheus"),
        ("a b", 9091, "pushgateway", "host name"),
    ],
)
def test_set_metrics_refuses_the_same_values(
    host: str, port: int, exporter: str, message_part: str
) -> None:
    with pytest.raises(ValueError, match=message_part):
        dataclay_metrics.set_metrics(host, port, exporter)


STARTED = """
from urllib.request import urlopen
import dataclay_metrics
exporter = dataclay_metrics.start()
if exporter is None:
    print("nothing runs")
else:
    print(exporter.port, b"dataclay_inmemory_hits_total 0" in urlopen(exporter.url).read())
"""


@pytest.mark.parametrize("enabled", ["true", None])
def test_start_serves_unless_it_is_disabled(enabled: str | None) -> None:
    port = str(free_port())
    variables = {"DATACLAY_METRICS_HOST": "127.0.0.1", "DATACLAY_METRICS_PORT": port}
    if enabled is not None:
        variables["DATACLAY_METRICS"] = enabled
    assert interpreter.output(STARTED, **variables) == f"{port} True\n"


@pytest.mark.parametrize(
    "variables", [{"DATACLAY_METRICS": "false"}, {"DATACLAY_METRICS_EXPORTER": "none"}]
)
def test_start_does_nothing_when_disabled(variables: dict[str, str]) -> None:
    assert interpreter.output(STARTED, **variables) == "nothing runs\n"
