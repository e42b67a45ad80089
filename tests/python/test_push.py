"""A real Pushgateway: what it holds while processes push, and after they exit."""

import socket
from contextlib import ExitStack

import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, Counter, Gauge, push_to_gateway
from servers import Pushgateway, free_port, get, wait_for

HITS = "dataclay_inmemory_hits_total"


def pushing_to(port: int, interval: str = "10") -> dict[str, str]:
    return {
        "DATACLAY_METRICS": "true",
        "DATACLAY_METRICS_EXPORTER": "pushgateway",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PORT": str(port),
        "DATACLAY_METRICS_PUSH_INTERVAL": interval,
    }


# Counts what each line of its input says; ends with its input.
COUNT = """
import sys
import dataclay_metrics as metrics
metrics.start()
for line in sys.stdin:
    metrics.dataclay_inmemory_hits_total.inc(int(line))
"""


def test_two_processes_push_two_groups_and_each_exit_pushes_the_final_counts(
    pushgateway: Pushgateway,
) -> None:
    with ExitStack() as stack:
        amounts = (100, 20)
        processes = [
            stack.enter_context(
                interpreter.running("-c", COUNT, **pushing_to(pushgateway.port, interval="1"))
            )
            for _ in amounts
        ]
        for process, amount in zip(processes, amounts, strict=True):
            assert process.stdin is not None
            process.stdin.write(f"{amount}\n")
            process.stdin.flush()
        host = socket.gethostname()
        names = [f"{host}:{process.pid}" for process in processes]
        wait_for(
            lambda: pushgateway.values(HITS), dict(zip(names, map(float, amounts), strict=True))
        )

        for process in processes:
            _, stderr = process.communicate("3\n", timeout=10)
            assert (process.returncode, stderr) == (0, "")
        assert pushgateway.values(HITS) == dict(zip(names, (103.0, 23.0), strict=True))


def test_the_variables_name_job_and_instance(pushgateway: Pushgateway) -> None:
    interpreter.output(
        COUNT,
        **pushing_to(pushgateway.port),
        DATACLAY_METRICS_JOB="edge",
        DATACLAY_METRICS_INSTANCE="node/7 é",
    )
    assert f'{HITS}{{instance="node/7 é",job="edge"}} 0\n' in get(
        f"http://{pushgateway.address}/metrics"
    )


def test_a_forked_child_pushes_to_a_group_of_its_own(pushgateway: Pushgateway) -> None:
    code = """
import os
import dataclay_metrics as metrics

parent = metrics.start()
child = os.fork()
if child == 0:
    assert metrics.start() is parent and parent.url.endswith(str(os.getpid()))
    metrics.shutdown()
    os._exit(0)
print(os.getpid(), child, os.waitpid(child, 0)[1])
"""
    parent, child, status = interpreter.output(
        code.format(port=pushgateway.port), **pushing_to(pushgateway.port)
    ).split()
    assert status == "0"
    groups = {name.rpartition(":")[2] for name in pushgateway.values(HITS)}
    assert groups == {parent, child}


def test_push_to_gateway_replaces_its_group_only(pushgateway: Pushgateway) -> None:
    registry = CollectorRegistry()
    first = Counter("first", "First", registry=registry)
    first.inc(5)
    push_to_gateway(pushgateway.address, "dataclay", registry, {"instance": "a"})
    push_to_gateway(f"http://{pushgateway.address}", "dataclay", registry, {"instance": 2})
    assert pushgateway.values("first_total") == {"a": 5.0, "2": 5.0}

    registry.unregister(first)
    Counter("second", "Second", registry=registry).inc(6)
    push_to_gateway(
        pushgateway.address, job="dataclay", registry=registry, grouping_key={"instance": "a"}
    )
    assert pushgateway.values("first_total") == {"2": 5.0}
    assert pushgateway.values("second_total") == {"a": 6.0}


def test_a_gateway_that_is_down_is_an_error_that_names_it() -> None:
    gateway = f"127.0.0.1:{free_port()}"
    with pytest.raises(OSError, match=gateway):
        push_to_gateway(gateway, "dataclay", CollectorRegistry())


def test_a_gateway_that_never_answers_is_an_error_after_the_timeout(black_hole: int) -> None:
    with pytest.raises(OSError, match=str(black_hole)):
        push_to_gateway(f"127.0.0.1:{black_hole}", "dataclay", CollectorRegistry(), timeout=0.5)


def test_the_reason_of_a_gateway_that_refuses_is_told(pushgateway: Pushgateway) -> None:
    registry = CollectorRegistry()
    # The gateway has a counter of this name itself, and wants one type per name.
    Gauge("go_memstats_lookups_total", "A gauge of ours", registry=registry)
    with pytest.raises(OSError, match="go_memstats_lookups_total"):
        push_to_gateway(pushgateway.address, "dataclay", registry, {"instance": "a"})
    assert pushgateway.values("go_memstats_lookups_total") == {}


@pytest.mark.parametrize(
    ("gateway", "job", "grouping_key"),
    [
        ("", "dataclay", {}),
        ("127.0.0.1:9091", "", {}),
        ("127.0.0.1:9091", "dataclay", {"1st": "x"}),
        ("127.0.0.1:9091", "dataclay", {"job": "x"}),
    ],
)
def test_wrong_input_is_a_value_error(
    gateway: str, job: str, grouping_key: dict[str, object]
) -> None:
    with pytest.raises(ValueError):
        push_to_gateway(gateway, job, CollectorRegistry(), grouping_key)
