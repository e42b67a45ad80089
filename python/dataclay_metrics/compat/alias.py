"""Makes ``import prometheus_client`` import this package."""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .private import TYPES

_THEIRS, _OURS = "prometheus_client", __name__.partition(".")[0]


class _Finder(MetaPathFinder, Loader):
    """Finds each module of prometheus_client as the module of this package with that name."""

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] == _THEIRS:
            return ModuleSpec(fullname, self)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(_OURS + spec.name.removeprefix(_THEIRS))
        # The import system is about to replace this by `spec`; exec_module() undoes that.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            module.__spec__ = spec.loader_state


def is_installed() -> bool:
    """Returns whether install() was called."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def install() -> None:
    """Implements install_as_prometheus_client()."""
    if is_installed():
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == _THEIRS]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder())
    for cls, *_ in TYPES:
        cls.__repr__ = _repr


def _repr(metric: Any) -> str:
    """Returns the text that prometheus_client has for a metric, including one of a subclass."""
    cls = type(metric)
    module = f"{_THEIRS}.metrics" if cls.__module__ == _OURS else cls.__module__
    try:
        return f"{module}.{cls.__name__}({metric._name})"
    except RuntimeError:  # __init__() was not called.
        return object.__repr__(metric)
