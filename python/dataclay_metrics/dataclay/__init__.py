"""``install()`` makes an unmodified dataClay count and export with this package.

dataClay imports ``dataclay.utils.metrics`` only when its metrics are on. A finder in front of all
others serves that one name. Nothing else of dataClay is touched before.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

REPLACED = "dataclay.utils.metrics"

# The .pth in site-packages checks this variable before it imports anything.
SWITCH = "DATACLAY_METRICS_INSTALL"


def install() -> None:
    """Makes dataClay use these metrics in this process. A second call does nothing.

    Call it before the first ``Client()``, before or after ``import dataclay``. The settings of
    dataClay decide whether it counts and exports, first of all DATACLAY_METRICS.

    Raises RuntimeError if dataClay runs its own metrics already.
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
    """Calls install() if DATACLAY_METRICS_INSTALL is true. The .pth calls this at the start."""
    value = os.environ[SWITCH]
    if value.lower() in ("true", "1", "yes", "on", "t", "y"):
        install()
    elif value.lower() not in ("false", "0", "no", "off", "f", "n"):
        raise ValueError(f'{SWITCH}="{value}": must be true or false')


class _Finder:
    """Finds and loads the one module. Importing ``importlib.abc`` would slow every start."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        if name != REPLACED:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, origin=__name__)  # type: ignore[arg-type]

    def create_module(self, spec: "ModuleSpec") -> None:
        """Returns nothing: Python then makes an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        from . import metrics

        metrics.attach()
        for name in metrics.__all__:
            setattr(module, name, getattr(metrics, name))
