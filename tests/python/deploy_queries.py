"""The queries that docs/deploy and docs/dataclay.md contain."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/dataclay.json").read_text())
RULES = yaml.safe_load((DEPLOY / "rules.yml").read_text())


def queries_of_dashboard() -> dict[str, str]:
    """Returns the queries by panel, with values for the variables of Grafana."""
    return {
        f"{panel['title']}, {target['refId']}": target["expr"]
        .replace("$__rate_interval", "1m")
        .replace("$job", "dataclay")
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    }


def queries_of_page() -> dict[str, str]:
    """Returns the queries of docs/dataclay.md, by the comment above each."""
    page = (ROOT / "docs/dataclay.md").read_text()
    blocks = re.findall(r"^```promql\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    parts = re.split(r"^# (.*)\n", "".join(blocks), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rules(kind: str) -> dict[str, str]:
    """Returns the expressions of all rules of a kind, `record` or `alert`, by name."""
    return {r[kind]: r["expr"] for group in RULES["groups"] for r in group["rules"] if kind in r}


def selectors(query: str) -> list[str]:
    """Returns the selectors in a query: names of metrics with their labels."""
    return re.findall(r"(?:\bup|\bpush_time_seconds|\b[\w:]*dataclay_[\w:]+)(?:\{[^}]*\})?", query)


QUERIES = {
    **{f"dashboard: {name}": query for name, query in queries_of_dashboard().items()},
    **{f"docs/dataclay.md: {name}": query for name, query in queries_of_page().items()},
    **{f"rule: {name}": query for name, query in rules("record").items()},
    **{
        f"alert: {selector}": selector
        for query in rules("alert").values()
        for selector in selectors(query)
    },
}
