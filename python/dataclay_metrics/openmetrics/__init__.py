"""OpenMetrics, under the package name of prometheus_client."""

_MODULES = {"exposition", "parser"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f".{name}", __name__)
