"""Reads the settings like dataClay: from its settings object, then from the environment.

The object is of pydantic 2, because dataClay 4.3.1 requires pydantic-settings, which needs that.
"""

import os
from typing import Any

# HOST:PORT or URL of a Pushgateway for the last counts of a scraped client, which may end before
# Prometheus scrapes it. This is not a setting of the core, because only dataClay has clients.
GATEWAY = "DATACLAY_METRICS_GATEWAY"

# Fields of dataClay's settings object, each with the name of its variable.
_FIELDS = ("metrics_exporter", "metrics_host", "metrics_port", "metrics_push_interval")


def variables(config: Any, host: str, port: int, exporter: str) -> dict[str, str]:
    """Returns the variables, from dataClay's object ``config`` and its call of ``set_metrics``.

    Variables that dataClay does not know are read from the same sources as those that it knows. If
    neither the environment, nor the file .env, nor an assignment sets a variable, it is absent.
    Then the default of this package applies, because dataClay's default port is wrong for a
    gateway, and its default host for a scrape endpoint. Processes of dataClay count in segments by
    default.
    """
    given = {"metrics_exporter": exporter, "metrics_host": host, "metrics_port": port}
    found = _dotenv(config) | dict(os.environ)
    found.pop("DATACLAY_METRICS", None)  # dataClay has read it, and metrics are on
    for field in _FIELDS:
        name = f"DATACLAY_{field.upper()}"
        default = getattr(config, field)
        value = given.get(field, default)
        if field in config.model_fields_set or value != default:
            found[name] = str(value)
        else:
            found.pop(name, None)
    if not found.get("DATACLAY_METRICS_DIR"):
        found["DATACLAY_METRICS_DIR"] = "auto"
    return found


def _dotenv(config: Any) -> dict[str, str]:
    """Returns the variables of the file from which dataClay read its settings, if there is one."""
    file = config.model_config.get("env_file")
    if file is None or not os.path.exists(file):
        return {}
    from dotenv import dotenv_values  # pydantic-settings has used it to read the same file

    return {name.upper(): value for name, value in dotenv_values(file).items() if value is not None}
