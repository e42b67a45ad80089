"""Tests repeated imports, in the same interpreter, in a subinterpreter and after a restart."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import interpreter
import pytest

AGAIN = """
import importlib, sys
import dataclay_metrics as first
counter = first.Counter("jobs", "Jobs")
counter.inc(2)
first.REGISTRY.unregister(first.PLATFORM_COLLECTOR)
for name in [name for name in sys.modules if name.startswith("dataclay_metrics")]:
    del sys.modules[name]
import dataclay_metrics as second
assert second is not first
for module in (second, second._native, second.export):
    importlib.reload(module)
for name in ("REGISTRY", "dataclay_inmemory_hits_total", "GC_COLLECTOR", "Counter"):
    assert getattr(first, name) is getattr(second, name), name
text = second.generate_latest().decode()
print("jobs_total 2" in text, "python_info" in text, text.count("# TYPE dataclay_loaded_objects"))
exporter = second.start_http_server(0, "127.0.0.1")
"""


def test_a_module_that_is_imported_again_has_the_same_objects() -> None:
    ended = interpreter.run("-W", "error", "-c", AGAIN)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "True False 1\n", "")


SUB = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import dataclay_metrics
code = '''
try:
    import dataclay_metrics
except ImportError as error:
    assert "subinterpreters" in str(error), error
else:
    raise AssertionError("imported")
'''
other = interpreters.create()
failure = (getattr(interpreters, "exec", None) or interpreters.run_string)(other, code)
assert failure is None, failure
interpreters.destroy(other)
dataclay_metrics.dataclay_inmemory_hits_total.inc()
print(dataclay_metrics.dataclay_inmemory_hits_total.get())
"""


def test_an_import_in_a_subinterpreter_is_refused() -> None:
    assert interpreter.output(SUB) == "1\n"


# Each run of the interpreter counts from zero, and its threads and functions work.
RUN = """
import gc, os, sys, urllib.request
import dataclay_metrics as m
from dataclay_metrics.core import GaugeMetricFamily

class Collector:
    def collect(self):
        yield GaugeMetricFamily("custom", "h", value=4)

counter = m.Counter("runs", "h", ["k"])
counter.labels("a").inc(amount=2)
counter.labels("a").inc(0.5)
m.Gauge("called", "h").set_function(lambda: 3)
m.REGISTRY.register(Collector())
m.dataclay_inmemory_hits_total.inc()
with urllib.request.urlopen(m.start_http_server(0, "127.0.0.1").url) as response:
    text = response.read().decode()
lines = ['runs_total{k="a"} 2.5', "called 3", "custom 4", "dataclay_inmemory_hits_total 1"]
assert all(f"\\n{line}\\n" in text for line in lines), text
gc.collect()
child = os.fork()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
EMBEDS = """
#include <Python.h>
int main(int count, char **arguments) {
    for (int run = 0; run < 3; run++) {
        Py_Initialize();
        int failed = PyRun_SimpleString(arguments[1]);
        if (Py_FinalizeEx() != 0 || failed) return 1;
    }
    return 0;
}
"""


@pytest.mark.skipif(
    not Path(sysconfig.get_path("include"), "Python.h").exists(),
    reason="this CPython has no headers",
)
@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12),
    reason="CPython 3.12 crashes when extension modules, such as ssl, are imported again",
)
@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_ENABLE_SHARED"), reason="this CPython has no shared library"
)
def test_a_restarted_interpreter_has_none_of_the_old_metrics(tmp_path: Path) -> None:
    (tmp_path / "embeds.c").write_text(EMBEDS)
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDVERSION")
    include = f"-I{sysconfig.get_path('include')}"
    link = [f"-L{folder}", f"-lpython{name}", f"-Wl,-rpath,{folder}"]
    program = tmp_path / "embeds"
    subprocess.run(["cc", include, "-o", program, tmp_path / "embeds.c", *link], check=True)
    path = [entry for entry in sys.path if entry and not entry.endswith("tests/python")]
    code = f"import sys; sys.path[:] = {path!r}\n{RUN}"
    environment = {"PYTHONHOME": sys.base_prefix}
    with interpreter.running_program([program, code], environment) as embeds:
        printed, errors = embeds.communicate(timeout=interpreter.TIMEOUT)
    assert (embeds.returncode, printed, errors) == (0, "", "")
