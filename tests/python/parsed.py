"""Parses expositions with prometheus_client, to compare those of two libraries."""

import math

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]

Family = tuple[str, str, list[tuple[str, dict[str, str], float | str]]]


def parsed(text: bytes) -> dict[str, Family]:
    """Returns the type, the help text and the sorted samples of each family, by name.

    NaN becomes a string, so that it equals itself. The `_created` families are omitted, because
    only prometheus_client has them by default.
    """
    return {
        family.name: (
            family.type,
            family.documentation,
            sorted(
                (
                    (s.name, s.labels, "NaN" if math.isnan(s.value) else s.value)
                    for s in family.samples
                ),
                key=lambda sample: (sample[0], sorted(sample[1].items())),
            ),
        )
        for family in text_string_to_metric_families(text.decode())
        if not family.name.endswith("_created")
    }


def in_text(text: str) -> dict[str, tuple[str, str, dict[Key, float]]]:
    """Returns the help text, type and samples of each family, by the name of its samples.

    The three families that the text has for a gauge histogram become one.
    """
    found: dict[str, tuple[str, str, dict[Key, float]]] = {}
    for family in text_string_to_metric_families(text):
        own: dict[Key, float] = {}
        for sample in family.samples:
            labels = {
                name: str(float(value)) if name == "le" else value
                for name, value in sample.labels.items()
            }
            own[sample.name, tuple(sorted(labels.items()))] = sample.value
        name = family.name + ("_total" if family.type == "counter" else "")
        stem, _, part = name.rpartition("_")
        if part in ("gcount", "gsum"):
            help, _, buckets = found[stem]
            found[stem] = (help, "gaugehistogram", buckets | own)
        elif own:
            found[name] = (family.documentation, family.type, own)
    return found
