"""The table in docs/python.md lists every name of prometheus_client, and says the truth about ours."""

import importlib
import pkgutil
import re
from pathlib import Path

import dataclay_metrics
import prometheus_client
import prometheus_client.core
import prometheus_client.exposition
import prometheus_client.openmetrics.exposition
import prometheus_client.registry
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "python.md"
ROWS = dict(re.findall(r"^\| `([\w.]+)` \| (\w+) \|", DOCS.read_text(), re.MULTILINE))


def theirs() -> set[str]:
    """Every public name: of the package, of its public modules, methods, and the modules."""
    names = set(prometheus_client.__all__)
    for kind in ("Counter", "Gauge", "Info", "CollectorRegistry", "Metric"):
        public = [name for name in dir(getattr(prometheus_client, kind)) if name[0] != "_"]
        names |= {f"{kind}.{name}" for name in public}
    for module in (prometheus_client.core, prometheus_client.exposition):
        names |= {f"{module.__name__.split('.', 1)[1]}.{name}" for name in module.__all__}
    for module in (prometheus_client.exposition, prometheus_client.registry):
        names |= {
            f"{module.__name__.split('.', 1)[1]}.{name}"
            for name, value in vars(module).items()
            if name[0] != "_" and getattr(value, "__module__", None) == module.__name__
        }
    modules = {module.name for module in pkgutil.iter_modules(prometheus_client.__path__)}
    return names | (modules - {"core", "exposition", "registry", "openmetrics"})


def ours(name: str) -> object:
    """What the name is here; AttributeError if it is nothing."""
    *path, last = name.split(".")
    owner: object = dataclay_metrics
    for at in range(1, len(path) + 1):
        try:
            owner = importlib.import_module(".".join(["dataclay_metrics", *path[:at]]))
        except ModuleNotFoundError:
            owner = getattr(owner, path[at - 1])
    if owner is dataclay_metrics and last not in dataclay_metrics.__all__:
        try:
            return importlib.import_module(f"dataclay_metrics.{last}")
        except ModuleNotFoundError as error:
            raise AttributeError(last) from error
    return getattr(owner, last)


def test_the_table_lists_every_name() -> None:
    assert theirs() - ROWS.keys() == set()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_the_truth(name: str) -> None:
    verdict = ROWS[name]
    assert verdict in ("same", "better", "different", "absent")
    if verdict == "absent":
        with pytest.raises(AttributeError):
            ours(name)
    else:
        there = ours(name)
        if callable(there):
            assert there.__doc__, f"help({name}) is empty"
