"""Tests that real servers, Prometheus 2 and 3, have the exact counts of Python processes."""

from collections.abc import Callable

import interpreter
from servers import Prometheus, Pushgateway, wait_for
from stack import exporting

SERVED = """
import sys
import dataclay_metrics as metrics

objects = ["object"] * 42
server = metrics.start_http_server(0, addr="127.0.0.1")
metrics.dataclay_inmemory_objects.set_function(lambda: len(objects))
metrics.dataclay_loaded_objects.set(7)
metrics.dataclay_stored_objects.inc(3)
metrics.dataclay_stored_objects.dec()
metrics.dataclay_inmemory_misses_total.inc(678)
print(server.port, flush=True)
for line in sys.stdin:
    metrics.dataclay_inmemory_hits_total.inc(int(line))
    objects.append("object")
"""


def test_the_query_api_returns_the_exact_counts(
    each_prometheus: Callable[[dict[str, str]], Prometheus],
) -> None:
    with interpreter.running("-c", SERVED) as process:
        assert process.stdin is not None and process.stdout is not None
        port = process.stdout.readline().strip()
        running = each_prometheus({"client": f"127.0.0.1:{port}"})
        expected = {
            "up": [1.0],
            "dataclay_inmemory_objects": [42.0],
            "dataclay_loaded_objects": [7.0],
            "dataclay_stored_objects": [2.0],
            "dataclay_inmemory_misses_total": [678.0],
            "dataclay_inmemory_hits_total": [0.0],
        }
        wait_for(lambda: {n: running.query(n + '{job="client"}') for n in expected}, expected)
        assert running.query("process_resident_memory_bytes > 1000000")

        process.stdin.write("12345\n")
        process.stdin.flush()
        wait_for(lambda: running.query("dataclay_inmemory_hits_total"), [12345.0])
        wait_for(lambda: running.query("dataclay_inmemory_objects"), [43.0])

        _, stderr = process.communicate(timeout=interpreter.TIMEOUT)
        assert (process.returncode, stderr) == (0, "")
        wait_for(lambda: running.query("up"), [0.0])


PUSHED = """
import dataclay_metrics as metrics

metrics.start()
metrics.dataclay_inmemory_hits_total.inc({hits})
"""


def test_the_sum_over_pushed_groups_is_exact(
    each_pushgateway: Pushgateway, each_prometheus: Callable[[dict[str, str]], Prometheus]
) -> None:
    for hits in (100, 23):
        interpreter.output(
            PUSHED.format(hits=hits), **exporting("pushgateway", each_pushgateway.port)
        )
    running = each_prometheus({"pushgateway": each_pushgateway.address})
    query = 'dataclay_inmemory_hits_total{job="dataclay"}'
    wait_for(lambda: running.query(query), [23.0, 100.0])
    assert running.query(f"sum({query})") == [123.0]
