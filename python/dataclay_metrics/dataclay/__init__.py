"""``install()``: an unmodified dataClay counts and exports with this package.

dataClay imports ``dataclay.utils.metrics`` when, and only when, its metrics are switched on. A finder
in front of all others serves that one name; nothing else of dataClay is touched before.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

REPLACED = "dataclay.utils.metrics"

# What the .pth in site-packages looks for before it imports anything.
SWITCH = "DATACLAY_METRICS_INSTALL"


def install() -> None:
    """Has dataClay use these metrics in this process. A second call does nothing.

    Call it before the first ``Client()``, before or after ``import dataclay``. Whether anything is
    counted and exported is up to dataClay's settings, DATACLAY_METRICS first of all.

    Raises RuntimeError if dataClay has its own metrics running already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if REPLACED in sys.modules:
        raise RuntimeError(
            f"dataclay_metrics.install() comes too late: dataClay has imported {REPLACED} already."
            " Call it before the first Client()."
        )
    sys.meta_path.insert(0, _Finder())


def install_if_asked() -> None:
    """``install()`` if DATACLAY_METRICS_INSTALL says so; run by the .pth as an interpreter starts."""
    value = os.environ[SWITCH]
    if value.lower() in ("true", "1", "yes", "on", "t", "y"):
        install()
    elif value.lower() not in ("false", "0", "no", "off", "f", "n"):
        raise ValueError(f'{SWITCH}="{value}": must be true or false')


class _Finder:
    """Finder and loader of the one module. (``importlib.abc`` would cost every start 25 ms.)"""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        if name != REPLACED:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, origin=__name__)  # type: ignore[arg-type]

    def create_module(self, spec: "ModuleSpec") -> None:
        """As usual: an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        from . import metrics

        metrics.attach()
        for name in metrics.__all__:
            setattr(module, name, getattr(metrics, name))
