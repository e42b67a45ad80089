"""The settings as dataClay sees them: its settings object, then the environment.

The object is one of pydantic 2: dataClay 4.3.1 requires pydantic-settings, which does not run with 1.
"""

import os
from typing import Any

# HOST:PORT or URL of a Pushgateway where a client that is scraped leaves its last counts: it may
# well end before Prometheus comes. Here and not in the core's settings, because only dataClay's
# roles tell what a client is.
GATEWAY = "DATACLAY_METRICS_GATEWAY"

# Fields of dataClay's settings object, each after the variable that it is read from.
_FIELDS = ("metrics_exporter", "metrics_host", "metrics_port", "metrics_push_interval")


def variables(config: Any, host: str, port: int, exporter: str) -> dict[str, str]:
    """The variables, by dataClay's object ``config`` and what it gave to ``set_metrics``.

    Those that dataClay does not know are read from the same places as its own. What was not set, by
    a variable, the file .env or an assignment, is left out and has our default: dataClay's port is
    wrong for a gateway, and its host for a scrape endpoint.
    """
    given = {"metrics_exporter": exporter, "metrics_host": host, "metrics_port": port}
    found = _dotenv(config) | dict(os.environ)
    found.pop("DATACLAY_METRICS", None)  # dataClay has read it, and asks for metrics
    for field in _FIELDS:
        name = f"DATACLAY_{field.upper()}"
        default = getattr(config, field)
        value = given.get(field, default)
        if field in config.model_fields_set or value != default:
            found[name] = str(value)
        else:
            found.pop(name, None)
    return found


def _dotenv(config: Any) -> dict[str, str]:
    """The variables of the file that dataClay's settings were read from, if there is one."""
    file = config.model_config.get("env_file")
    if file is None or not os.path.exists(file):
        return {}
    from dotenv import dotenv_values  # pydantic-settings has read the same file with it

    return {name.upper(): value for name, value in dotenv_values(file).items() if value is not None}
