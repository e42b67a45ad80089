"""``install()`` makes an unmodified dataClay count and export with this package.

dataClay imports ``dataclay.utils.metrics`` only when its metrics are on. A finder before all others
serves that one module. Until then, nothing in dataClay changes. Its settings are only read, to warn
if its metrics are off.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

REPLACED = "dataclay.utils.metrics"
# The settings of dataClay decide whether it imports that module.
_CONFIG = "dataclay.config"

# The .pth in site-packages checks this variable before it imports anything.
SWITCH = "DATACLAY_METRICS_INSTALL"
# The wrong value of the variable that was reported.
_reported = ""


def install() -> None:
    """Makes dataClay use these metrics in this process. A second call does nothing.

    Call it before the first ``Client()``, before or after ``import dataclay``. The settings of
    dataClay decide whether it counts and exports, in particular DATACLAY_METRICS.

    Raises RuntimeError if dataClay already runs its own metrics.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if REPLACED in sys.modules:
        raise RuntimeError(
            f"dataclay_metrics.install() comes too late: dataClay has imported {REPLACED} already."
            " Call it before the first Client()."
        )
    sys.meta_path.insert(0, _Finder())
    if _CONFIG in sys.modules:
        _warn_if_off(sys.modules[_CONFIG])


def install_if_asked() -> None:
    """Calls install() if DATACLAY_METRICS_INSTALL is true. The .pth calls this at the start.

    A wrong value installs nothing and prints one line on stderr. An exception here would print two
    tracebacks, but the program would continue anyway.
    """
    global _reported
    value = os.environ[SWITCH].strip().lower()
    if value in ("true", "1", "yes", "on", "t", "y"):
        install()
    elif (
        value not in ("", "false", "0", "no", "off", "f", "n", _reported) and sys.stderr is not None
    ):
        _reported = value  # site may read a .pth twice
        wrong = f"{SWITCH}={os.environ[SWITCH]!r}: must be true or false"
        print(f"{wrong}; dataclay_metrics is not installed in dataClay", file=sys.stderr)


def _warn_if_off(config: ModuleType) -> None:
    """Logs what is missing if dataClay will neither count nor export."""
    if not config.settings.metrics and config.settings.metrics_exporter != "none":
        import logging

        logging.getLogger(__package__.partition(".")[0]).warning(
            "no metrics are counted or exported: the metrics of dataClay are off;"
            " set DATACLAY_METRICS=true"
        )


class _Finder:
    """Finds and loads the one module. Importing ``importlib.abc`` would delay every start."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        if name == _CONFIG:
            return _watched(name, path, target)
        if name != REPLACED:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, origin=__name__)  # type: ignore[arg-type]

    def create_module(self, spec: "ModuleSpec") -> None:
        """Returns None, so that Python makes an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        from . import metrics

        metrics.attach()
        for name in metrics.__all__:
            setattr(module, name, getattr(metrics, name))


def _watched(
    name: str, path: Sequence[str] | None, target: ModuleType | None
) -> "ModuleSpec | None":
    """Finds dataClay's settings with the other finders, and checks them after their import."""
    others = (finder for finder in sys.meta_path if not isinstance(finder, _Finder))
    found = (finder.find_spec(name, path, target) for finder in others)
    spec = next((spec for spec in found if spec is not None), None)
    if spec is not None and spec.loader is not None:
        execute = spec.loader.exec_module

        def exec_and_look(module: ModuleType) -> None:
            execute(module)
            _warn_if_off(module)

        spec.loader.exec_module = exec_and_look  # type: ignore[method-assign]
    return spec
