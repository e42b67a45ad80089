"""Writes a C program that passes a string that is not UTF-8 to each function of the header.

It does so once for each string among the parameters and in the options.

    tests/c/strings.py HEADER >strings.c
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from header import declarations, fields_of

BAD = r'"\xff"'

# Valid arguments, for the parameters other than the wrong one: strings by the parameter's name, all
# others by its type.
GOOD = {
    "name": '"unused_name"',
    "help": '""',
    "role": '"backend"',
    "address": '"127.0.0.1:1"',
    "job": '"job"',
    "host": '"127.0.0.1"',
    "user": '"user"',
    "password": '"password"',
    "state": '"a"',
    "url": '"http://127.0.0.1:1/v1/metrics"',
    "service": '"service"',
    "instance": '"instance"',
    "key": '"key"',
    "value": '"value"',
    "dcm_counter *": "counter",
    "dcm_histogram *": "histogram",
    "dcm_registry *": "registry",
    "dcm_gateway *": "gateway",
    "dcm_info *": "info",
    "dcm_otlp *": "otlp",
    "dcm_state_set *": "state_set",
    "double": "1",
    "size_t": "1",
    "uint16_t": "0",
}

# The initialiser of each struct of options.
OPTIONS = {
    "dcm_options": 'DCM_OPTIONS("unused_name", "")',
    "dcm_http_options": 'DCM_HTTP_OPTIONS("127.0.0.1", 0)',
}

# The fields of options that only functions with a prefix read.
READ_BY = {"states": "dcm_state_set_"}

# The arguments of each type that contain a string that is not UTF-8, with their names in errors.
STRINGS = {
    "const char *": [(BAD, "{}")],
    "const char *const *": [("bad", "{}")],
    "const dcm_label *": [("bad_name", "{}[].name"), ("bad_value", "{}[].value")],
}

PROGRAM = r"""/* Written by tests/c/strings.py. */
#include <dataclay_metrics.h>

#include "tap.h"

static void refuses_utf8(dcm_status status, const char *name, const char *call) {
    CHECK(status == DCM_ERROR_UTF8 && strstr(dcm_error_last(), name) == dcm_error_last() &&
              strstr(dcm_error_last(), ": must be UTF-8") != NULL,
          call);
}

int main(void) {
    const char *const good[] = {"a"}, *const bad[] = {"\xff"};
    const dcm_label good_label[] = {{"a", "b"}}, bad_name[] = {{"\xff", "b"}};
    const dcm_label bad_value[] = {{"a", "\xff"}};
@OPTIONS@
    void *const untouched = (void *)&good;
    void *out = untouched;
    dcm_registry *registry;
    dcm_gateway *gateway;
    dcm_otlp *otlp;
    dcm_counter *counter;
    dcm_histogram *histogram;
    dcm_info *info;
    dcm_state_set *state_set;
    dcm_options options = DCM_OPTIONS("state", "");
    options.states = good;
    options.state_count = 1;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_gateway_new("127.0.0.1:1", "job", good_label, 1, &gateway));
    NEED(dcm_otlp_new("http://127.0.0.1:1/v1/metrics", "service", "instance", &otlp));
    NEED(dcm_counter_new(registry, "counter", "", NULL, 0, &counter));
    NEED(dcm_histogram_new(registry, "histogram", "", NULL, 0, &histogram));
    NEED(dcm_info_new(registry, "info", "", NULL, 0, &info));
    NEED(dcm_state_set_new_with(registry, &options, &state_set));
    options.label_names = good;
    options.label_name_count = 1;
@FAMILIES@

@CALLS@

    CHECK(out == untouched, "no result is written on an error");
@FREE@
    dcm_state_set_free(state_set);
    dcm_info_free(info);
    dcm_histogram_free(histogram);
    dcm_counter_free(counter);
    dcm_otlp_free(otlp);
    dcm_gateway_free(gateway);
    dcm_registry_free(registry);
    return tap_end();
}
"""


def options_of(kind: str) -> str:
    """Returns the name of the struct of options that a parameter points to, or an empty text."""
    struct = re.fullmatch(r"const (dcm_(?:\w+_)?options) \*", kind)
    return struct[1] if struct else ""


def good(kind: str, name: str) -> str:
    """Returns a valid argument for a parameter."""
    if kind.endswith("**") and "const" not in kind:
        return f"({kind})&out"
    if kind == "const char *const *":
        return "good"
    if kind == "const dcm_label *":
        return "good_label"
    if family := re.fullmatch(r"const dcm_(\w+_family) \*", kind):
        return family[1]
    if struct := options_of(kind):
        return f"&{struct}_good"
    return GOOD[name] if kind == "const char *" else GOOD[kind.removeprefix("const ")]


def bad_options(header: Path, struct: str, function: str) -> Iterator[tuple[str, str]]:
    """Yields statements that set one field to a bad string, each with its name in the error."""
    for kind, field in fields_of(header, struct):
        if not function.startswith(READ_BY.get(field, "")):
            continue
        for argument, shown in STRINGS.get(kind, []):
            count = (
                ""
                if kind == "const char *"
                else f" {struct}_bad.{field.removesuffix('s')}_count = 1;"
            )
            change = f"{struct}_bad = {struct}_good; {struct}_bad.{field} = {argument};{count}"
            yield f"{change} ", f"options.{shown.format(field)}"


def calls(header: Path) -> list[str]:
    """Returns the calls of all functions, each with one bad string."""
    made = []
    for function, parameters in declarations(header):
        for at, (kind, name) in enumerate(parameters):
            wrong = [("", bad, shown.format(name)) for bad, shown in STRINGS.get(kind, [])]
            if struct := options_of(kind):
                bad = bad_options(header, struct, function)
                wrong = [(change, f"&{struct}_bad", shown) for change, shown in bad]
            for change, argument, shown in wrong:
                arguments = [good(*parameter) for parameter in parameters]
                arguments[at] = argument
                call = f"{function}({', '.join(arguments)})"
                what = f"{function}: {shown}"
                made.append(f'    {change}refuses_utf8({call}, "{shown}=", "{what}");')
    return made


def families(header: Path, call: str) -> str:
    """Returns ``call`` for each type of family that the header declares."""
    found = re.findall(r"dcm_status dcm_(\w+_family)_new_with\(", header.read_text())
    lines = []
    for family in found:
        # Other types refuse states.
        states, count = ("good", "1") if family == "state_set_family" else ("NULL", "0")
        line = call.replace("@states", states).replace("@count", count)
        lines.append(f"    {line}".replace("@", family))
    return "\n".join(lines)


def main() -> None:
    header = Path(sys.argv[1])
    made = """dcm_@ *@;
    options.name = "@";
    options.states = @states;
    options.state_count = @count;
    NEED(dcm_@_new_with(registry, &options, &@));"""
    program = PROGRAM.replace("@FAMILIES@", families(header, made))
    program = program.replace("@FREE@", families(header, "dcm_@_free(@);"))
    both = (f"    {s} {s}_good = {value}, {s}_bad;" for s, value in OPTIONS.items())
    program = program.replace("@OPTIONS@", "\n".join(both))
    print(program.replace("@CALLS@", "\n".join(calls(header))))


if __name__ == "__main__":
    main()
