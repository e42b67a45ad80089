"""Numbers as text, under the module name of prometheus_client."""

from math import isnan

INF = float("inf")
MINUS_INF = float("-inf")
NaN = float("nan")


def floatToGoString(d: float) -> str:
    """Returns the text of a bound or a value: ``1.0``, ``1e+06``, ``+Inf``."""
    d = float(d)
    if d in (INF, MINUS_INF):
        return "+Inf" if d > 0 else "-Inf"
    if isnan(d):
        return "NaN"
    text = repr(d)
    dot = text.find(".")
    # Go uses exponents from 1e+06 on, sooner than Python.
    if d > 0 and dot > 6:
        mantissa = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{dot - 1:02d}"
    return text


def parse_version(version_str: str) -> tuple[int | str, ...]:
    """Returns the parts of a version, as ints if they are numbers."""
    return tuple(int(part) if part.isdigit() else part for part in version_str.split("."))
