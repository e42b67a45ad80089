"""Tests the log line of a family that has reached the limit of its children."""

import interpreter

FULL = """
import logging, threading, time
import dataclay_metrics as metrics

lines = []
logged = threading.Event()

class Handler(logging.Handler):
    def emit(self, record):
        lines.append((record.levelname, record.getMessage()))
        # A handler may use the family that is full.
        family.labels("another").inc()
        logged.set()

logging.getLogger("dataclay_metrics").addHandler(Handler())
family = metrics.Counter("many", "h", ["k"], registry=None, max_children=3)
for number in range(20):
    family.labels(str(number)).inc()
assert logged.wait(50)
time.sleep(0.2)  # a second line would follow at once
(level, message), = lines
print(level, "many_total" in message, "max_children=3" in message)
"""


def test_a_full_family_is_logged_once() -> None:
    assert interpreter.output(FULL).split() == ["WARNING", "True", "True"]
