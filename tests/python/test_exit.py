"""Tests that a script that pushes exits in bounded time, whatever the gateway does."""

import interpreter
import pytest
from servers import Pushgateway, free_port, wait_for

# Seconds: half of one for the script, two for the last push, and the rest for a busy machine.
BOUND = 6.0

pytestmark = pytest.mark.timed

SCRIPT = """
import time
import dataclay_metrics as metrics

metrics.start()
for _ in range(100):
    metrics.dataclay_inmemory_hits_total.inc()
    time.sleep(0.005)
"""


def run_script(port: int, **variables: str) -> interpreter.Completed:
    settings = {
        "DATACLAY_METRICS": "true",
        "DATACLAY_METRICS_EXPORTER": "pushgateway",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PORT": str(port),
    }
    ended = interpreter.run("-c", SCRIPT, **(settings | variables))
    assert ended.status == 0, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended


def check_warnings(ended: interpreter.Completed, port: int, was_sent: bool) -> None:
    """Checks the warnings in stderr: at most one failed push, then what happened to the counts.

    If the whole request was sent, the server may have accepted it. Then the counts are not
    confirmed; otherwise they are lost.
    """
    *failures, last = ended.stderr.splitlines()
    assert len(failures) <= 1 and all(f"127.0.0.1:{port}" in line for line in [*failures, last])
    assert ("lost" in last, "not confirmed" in last) == (not was_sent, was_sent)


def test_the_last_push_delays_the_exit_by_less_than_a_second(pushgateway: Pushgateway) -> None:
    def delay() -> float:
        without_push = run_script(pushgateway.port, DATACLAY_METRICS_EXPORTER="none")
        with_push = run_script(pushgateway.port)
        assert with_push.stderr == ""
        return with_push.seconds - without_push.seconds

    # A busy machine may delay one run, but not three.
    assert any(delay() < 1.0 for _ in range(3))
    assert set(pushgateway.values("dataclay_inmemory_hits_total").values()) == {100.0}


def test_on_exit_delete_deletes_the_group(pushgateway: Pushgateway) -> None:
    ended = run_script(pushgateway.port, DATACLAY_METRICS_ON_EXIT="delete")
    assert (ended.seconds < BOUND, ended.stderr) == (True, "")
    wait_for(lambda: not pushgateway.values("dataclay_inmemory_hits_total"), True)


@pytest.mark.parametrize("end", ["1 / 0", "import signal, os; os.kill(os.getpid(), signal.SIGINT)"])
def test_the_last_counts_are_pushed_after_an_exception_or_ctrl_c(
    end: str, pushgateway: Pushgateway
) -> None:
    code = f"""
import dataclay_metrics as metrics
metrics.set_metrics("127.0.0.1", {pushgateway.port}, "pushgateway")
metrics.dataclay_inmemory_hits_total.inc(9)
{end}
"""
    ended = interpreter.run("-c", code)
    assert ended.status != 0 and ended.seconds < BOUND
    assert list(pushgateway.values("dataclay_inmemory_hits_total").values()) == [9.0]


def test_an_unknown_host_does_not_delay_the_exit() -> None:
    ended = run_script(9091, DATACLAY_METRICS_HOST="gateway.invalid")
    assert ended.seconds < BOUND
    assert "lost" in ended.stderr.splitlines()[-1]


def test_a_gateway_that_is_down_does_not_delay_the_exit() -> None:
    port = free_port()
    ended = run_script(port)
    assert ended.seconds < BOUND
    check_warnings(ended, port, was_sent=False)


@pytest.mark.parametrize("gateway", ["silent", "black_hole"])
def test_a_gateway_that_never_responds_does_not_delay_the_exit(
    gateway: str, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue(gateway)
    ended = run_script(port)
    assert ended.seconds < BOUND
    check_warnings(ended, port, was_sent=gateway == "silent")


def test_counts_from_exit_functions_of_the_application_are_pushed(pushgateway: Pushgateway) -> None:
    code = """
import atexit
import dataclay_metrics as metrics

metrics.set_metrics("127.0.0.1", {port}, "pushgateway")
atexit.register(metrics.dataclay_inmemory_hits_total.inc, 7)
"""
    interpreter.output(code.format(port=pushgateway.port))
    assert list(pushgateway.values("dataclay_inmemory_hits_total").values()) == [7.0]
