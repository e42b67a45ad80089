"""The error of a name that a module does not have."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# Names that programs for prometheus_client may import, and their replacements.
_INSTEAD = {
    ("exposition", "ThreadingWSGIServer"): "start_http_server() has its own server",
    ("exposition", "SNAPPY_AVAILABLE"): "a push is compressed with gzip",
    ("openmetrics.exposition", "CONTENT_TYPE_LATEST_2_0"): "write CONTENT_TYPE_LATEST, of 1.0.0",
    ("registry", "RestrictedRegistry"): "call registry.restricted_registry(names)",
}


def error(module: str, name: str) -> Exception:
    """Returns the exception that the ``__getattr__`` of ``module`` raises for a missing name.

    For ``from module import name`` it is an ImportError, because the interpreter replaces the
    message of an AttributeError. For anything else it is an AttributeError, as ``hasattr()`` and
    ``inspect`` require.
    """
    hint = _hint(module, name)
    frame = sys._getframe(2)
    if _imports_a_name(frame):
        return ImportError(f"{module} has no {name}{hint}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}")


def _hint(module: str, name: str) -> str:
    inside = module.partition(".")[2]
    if instead := _INSTEAD.get((inside, name)):
        return f": {instead}"
    if name.startswith("_"):
        return ""
    from difflib import get_close_matches

    near = get_close_matches(name, dir(sys.modules[module]), 1)
    return f": did you mean {near[0]}?" if near else ""


def _imports_a_name(frame: "FrameType") -> bool:
    """Returns whether the frame is in ``from module import name``."""
    from opcode import opmap

    code = frame.f_code.co_code
    return 0 <= frame.f_lasti < len(code) and code[frame.f_lasti] == opmap["IMPORT_FROM"]
