"""Parses expositions with prometheus_client, to compare those of two libraries."""

import math

from prometheus_client.parser import text_string_to_metric_families

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
