"""Loads a module of prometheus_client as a module of this package.

Its relative imports then find the modules of this package, so that a parser, for example, returns
this package's families.
"""

import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader


def load(name: str, *, by_alias: bool = False) -> None:
    """Runs the module of prometheus_client with the same name, as the module ``name``.

    ``by_alias`` is true if it imports prometheus_client by that name. Raises ImportError if
    prometheus_client is not installed.
    """
    package, _, rest = name.partition(".")
    if by_alias:
        from .alias import is_installed

        if not is_installed():
            raise ImportError(
                f"{name} imports prometheus_client: call"
                f" {package}.compat.install_as_prometheus_client() first",
                name=name,
            )
    module = sys.modules[name]
    for folder in _folders():
        path = os.path.join(folder, *rest.split("."))
        file = f"{path}.py"
        if os.path.isdir(path):
            file = os.path.join(path, "__init__.py")
            # Its imports find the other modules in the same folder.
            module.__path__ = [path]
            module.__package__ = name
            if module.__spec__ is not None:
                module.__spec__.submodule_search_locations = [path]
        module.__file__ = file
        SourceFileLoader(name, file).exec_module(module)
        return
    raise ImportError(
        f"{name} is that of prometheus_client, which is not installed: pip install"
        " prometheus_client",
        name=name,
    )


def _folders() -> list[str]:
    """Returns the folder of prometheus_client, if it is installed."""
    found = PathFinder.find_spec("prometheus_client", sys.path)
    return list((found and found.submodule_search_locations) or ())
