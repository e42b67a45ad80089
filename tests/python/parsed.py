"""Expositions as prometheus_client's parser sees them, so that two libraries can be compared."""

import math

from prometheus_client.parser import text_string_to_metric_families

Family = tuple[str, str, list[tuple[str, dict[str, str], float | str]]]


def parsed(text: bytes) -> dict[str, Family]:
    """Family name -> type, HELP and samples, sorted; NaN as a word, so that it equals itself.

    Without the `_created` series, which only prometheus_client has.
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
