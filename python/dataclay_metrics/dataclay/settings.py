"""The settings as dataClay sees them: its settings object, then the environment."""

import os
from typing import Any

from .._native import Settings

# Fields of dataClay's settings object, each after the variable that it is read from.
_FIELDS = ("metrics_exporter", "metrics_host", "metrics_port", "metrics_push_interval")


def read(config: Any, host: str, port: int, exporter: str) -> Settings:
    """The settings, from dataClay's object ``config`` and what it gave to ``set_metrics``.

    What was not set explicitly, by a variable, the file .env or an assignment, has our default:
    dataClay's cannot be told apart from a choice otherwise, and its port is wrong for a gateway.
    Variables that dataClay does not know are read from the same places as its own.

    Raises ValueError for a wrong value, in one line: the variable, its value and the rule.
    """
    given = {"metrics_exporter": exporter, "metrics_host": host, "metrics_port": port}
    explicit = _explicit(config)
    variables = _dotenv(config) | dict(os.environ)
    for field in _FIELDS:
        default = getattr(config, field)
        value = given.get(field, default)
        if field in explicit or value != default:
            variables[f"DATACLAY_{field.upper()}"] = str(value)
        else:
            variables.pop(f"DATACLAY_{field.upper()}", None)
    return Settings.from_variables(variables)


def _explicit(config: Any) -> set[str]:
    name = "model_fields_set" if hasattr(config, "model_fields_set") else "__fields_set__"
    fields: set[str] = getattr(config, name)  # the second: pydantic 1, which dataClay still takes
    return fields


def _dotenv(config: Any) -> dict[str, str]:
    """The variables of the file from which dataClay's settings were read, if there is one."""
    file = getattr(config, "model_config", {}).get("env_file")
    if file is None or not os.path.exists(file):
        return {}
    from dotenv import dotenv_values  # pydantic-settings has read the same file with it

    return {name.upper(): value for name, value in dotenv_values(file).items() if value is not None}
