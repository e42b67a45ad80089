"""Tests the metrics of the garbage collector against the module gc."""

import interpreter

PROGRAM = """
import gc, os
import dataclay_metrics as metrics

registry = metrics.CollectorRegistry()
metrics.GCCollector(registry)

def exposed(registry):
    keys = {"objects_collected": "collected", "objects_uncollectable": "uncollectable", "collections": "collections"}
    return [
        {
            key: registry.get_sample_value(f"python_gc_{name}_total", {"generation": str(generation)})
            for name, key in keys.items()
        }
        for generation in range(3)
    ]

assert not gc.callbacks  # the first read installs one
gc.disable()
gc.collect()
exposed(registry)
for round in range(30):
    cycle = []
    cycle.append(cycle)
    del cycle
    gc.collect(round % 3)
# CPython 3.15 has two more figures of each generation.
stats = [{key: of[key] for key in ("collected", "uncollectable", "collections")} for of in gc.get_stats()]
assert exposed(registry) == exposed(metrics.REGISTRY) == stats, (exposed(registry), stats)
assert len(gc.callbacks) == 1
child = os.fork()
if child == 0:
    gc.collect(1)
    os._exit(0 if [g["collections"] for g in exposed(registry)] == [0, 1, 0] else 1)
print(os.waitpid(child, 0)[1])
"""


def test_metrics_equal_those_of_gc_and_start_at_zero_in_a_forked_child() -> None:
    assert interpreter.output(PROGRAM) == "0\n"
