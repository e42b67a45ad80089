"""Writes a C program that calls each function of the header with a string that is not UTF-8, once
for each of its string parameters, so that none is forgotten.

    tests/c/strings.py HEADER >strings.c
"""

import sys
from pathlib import Path

from header import declarations

BAD = r'"\xff"'

# What a parameter is when another one is wrong: by its name for strings, else by its type.
GOOD = {
    "name": '"unused_name"',
    "help": '""',
    "role": '"backend"',
    "address": '"127.0.0.1:1"',
    "job": '"job"',
    "host": '"127.0.0.1"',
    "user": '"user"',
    "password": '"password"',
    "dcm_registry *": "registry",
    "dcm_gateway *": "gateway",
    "dcm_counter_family *": "counters",
    "dcm_gauge_family *": "gauges",
    "size_t": "1",
    "uint16_t": "0",
}

# The ways in which a parameter of a type holds a string: its argument, and how the error names it.
STRINGS = {
    "const char *": [(BAD, "{}=")],
    "const char *const *": [("bad", "{}=")],
    "const dcm_label *": [("bad_name", "{}[].name="), ("bad_value", "{}[].value=")],
}

PROGRAM = r"""/* Written by tests/c/strings.py. */
#include <dataclay_metrics.h>

#include "tap.h"

static void refused(dcm_status status, const char *name, const char *call) {
    CHECK(status == DCM_ERROR_UTF8 && strstr(dcm_error_last(), name) == dcm_error_last() &&
              strstr(dcm_error_last(), ": must be UTF-8") != NULL,
          call);
}

int main(void) {
    const char *const good[] = {"a"}, *const bad[] = {"\xff"};
    const dcm_label good_label[] = {{"a", "b"}}, bad_name[] = {{"\xff", "b"}};
    const dcm_label bad_value[] = {{"a", "\xff"}};
    void *const untouched = (void *)&good;
    void *out = untouched;
    dcm_registry *registry;
    dcm_gateway *gateway;
    dcm_counter_family *counters;
    dcm_gauge_family *gauges;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_gateway_new("127.0.0.1:1", "job", good_label, 1, &gateway));
    NEED(dcm_counter_family_new(registry, "counters", "", good, 1, &counters));
    NEED(dcm_gauge_family_new(registry, "gauges", "", good, 1, &gauges));

@CALLS@

    CHECK(out == untouched, "no result was written");
    dcm_gauge_family_free(gauges);
    dcm_counter_family_free(counters);
    dcm_gateway_free(gateway);
    dcm_registry_free(registry);
    return tap_end();
}
"""


def good(kind: str, name: str) -> str:
    if kind.endswith("**") and "const" not in kind:
        return f"({kind})&out"
    if kind == "const char *const *":
        return "good"
    if kind == "const dcm_label *":
        return "good_label"
    return GOOD[name] if kind == "const char *" else GOOD[kind.removeprefix("const ")]


def calls(header: Path) -> list[str]:
    made = []
    for function, parameters in declarations(header):
        for at, (kind, name) in enumerate(parameters):
            for argument, shown in STRINGS.get(kind, []):
                arguments = [good(*parameter) for parameter in parameters]
                arguments[at] = argument
                call = f"{function}({', '.join(arguments)})"
                what = f"{function}: {shown.format(name)}"
                made.append(f'    refused({call}, "{shown.format(name)}", "{what}");')
    return made


def main() -> None:
    print(PROGRAM.replace("@CALLS@", "\n".join(calls(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
