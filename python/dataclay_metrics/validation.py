"""Checks names. The private names are those of prometheus_client, if it is installed."""

from contextlib import suppress

from ._native import get_legacy_validation, set_legacy_validation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.validation import (  # noqa: F401
        METRIC_LABEL_NAME_RE,
        METRIC_NAME_RE,
        RESERVED_METRIC_LABEL_NAME_RE,
    )
else:
    from .compat.theirs import load

    with suppress(ImportError):  # The functions below do not need it.
        load(__name__)
    from ._native import get_legacy_validation

__all__ = ["disable_legacy_validation", "enable_legacy_validation", "get_legacy_validation"]


def disable_legacy_validation() -> None:
    """Accepts any name of a metric or a label, as Prometheus 3 does. This is the default."""
    _set(False)


def enable_legacy_validation() -> None:
    """Accepts only names that match ``[a-zA-Z_:][a-zA-Z0-9_:]*``, for labels without colons.

    It is the default if the variable PROMETHEUS_LEGACY_NAME_VALIDATION is ``true``, ``t`` or ``1``.
    """
    _set(True)


def _set(legacy: bool) -> None:
    global _legacy_validation  # The checks of prometheus_client read this variable.
    _legacy_validation = legacy
    set_legacy_validation(legacy)


_legacy_validation = get_legacy_validation()
