"""Loads a module of prometheus_client as a module of this package.

Its relative imports then find the modules of this package, so that a parser, for example, returns
this package's families.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location


def load(name: str, *, by_alias: bool = False) -> None:
    """Puts the module of prometheus_client that has this name there in the place of ``name``.

    ``by_alias`` is whether the module imports prometheus_client by that name. Raises ImportError if
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
    found = PathFinder.find_spec("prometheus_client", sys.path)
    for folder in (found and found.submodule_search_locations) or ():
        path = os.path.join(folder, *rest.split("."))
        whole = os.path.join(path, "__init__.py")
        if os.path.exists(whole):
            spec = spec_from_file_location(name, whole, submodule_search_locations=[path])
        elif os.path.exists(f"{path}.py"):
            spec = spec_from_file_location(name, f"{path}.py")
        else:
            continue
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            return
    raise ImportError(
        f"{name} is that of prometheus_client, which is not installed: pip install"
        " prometheus_client",
        name=name,
    )
