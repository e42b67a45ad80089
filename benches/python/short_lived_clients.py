"""Compares the counts of short-lived clients with their increase in Prometheus.

    PATH=target/servers/bin:$PATH python benches/python/short_lived_clients.py [CLIENTS]

Each client lives for 0.4 s and has its own series. A scraped client is a child of one process, and
a pushed client is a process. Prometheus 3 runs with created-timestamp-zero-ingestion and scrapes
every second. The table shows the increase over the run, for text and for protobuf.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "python"))

import servers
from dataclay_metrics import CollectorRegistry, Counter, start_http_server

LIFE = 0.4
CLIENT = f"""
import sys, time
import dataclay_metrics as metrics
metrics.start()
metrics.dataclay_inmemory_hits_total.inc(int(sys.argv[1]))
time.sleep({LIFE})
"""


def push(amount: int, instance: str, port: int, format: str) -> None:
    """Runs one client that pushes."""
    variables = {
        "DATACLAY_METRICS": "true",
        "DATACLAY_METRICS_EXPORTER": "pushgateway",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PORT": str(port),
        "DATACLAY_METRICS_JOB": f"pushed-{format}",
        "DATACLAY_METRICS_INSTANCE": instance,
        "DATACLAY_METRICS_PUSH_FORMAT": format,
    }
    command = [sys.executable, "-c", CLIENT, str(amount)]
    subprocess.run(command, env=os.environ | variables, check=True)


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    amounts = random.Random(0)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = CollectorRegistry()
        children = Counter("clients", "Of a client", ["client"], registry=registry)
        exporter = start_http_server(0, addr="127.0.0.1", registry=registry)
        targets = {name: f"127.0.0.1:{exporter.port}" for name in ("protobuf", "as-text")}
        gateways = {}
        for generation in ("", "-next"):
            (directory / f"gateway{generation}").mkdir()
            started = servers.pushgateway(directory / f"gateway{generation}", generation=generation)
            gateways[generation] = stack.enter_context(started)
        zeros = ("--enable-feature=created-timestamp-zero-ingestion",)
        jobs = targets | {"pushgateway": gateways[""].address}
        jobs["pushgateway-next"] = gateways["-next"].address
        started = servers.prometheus(directory, jobs, "-next", zeros)
        prometheus = stack.enter_context(started)
        servers.wait_for(lambda: len(prometheus.query("up == 1")), len(jobs))
        counted = 0
        for client in range(clients):
            amount = amounts.randrange(1, 400)
            counted += amount
            children.labels(str(client)).inc(amount)
            for generation, gateway in gateways.items():
                for format in ("text", "protobuf"):
                    push(amount, f"client-{client}{generation}", gateway.port, format)
        last = time.time()
        servers.wait_for(lambda: min(prometheus.query("timestamp(up)")) > last, True)
        print(f"{clients} clients counted {counted}\n")
        print("| way | text | protobuf |\n|---|---:|---:|")

        def increase(selector: str) -> str:
            """Returns the increase of the selected series, and its share of the counts."""
            (increased,) = prometheus.query(f"sum(increase({selector}[10m]))") or [0.0]
            return f"{increased:.0f} ({increased / counted:.1%})"

        text, protobuf = (
            increase(f'clients_total{{job="{job}"}}') for job in ("as-text", "protobuf")
        )
        print(f"| scraped | {text} | {protobuf} |")
        for generation, name in (("", "1.5.1"), ("-next", "1.11")):
            instances = f'instance=~"client-[0-9]+{generation}"'
            hits = "dataclay_inmemory_hits_total"
            text, protobuf = (
                increase(f'{hits}{{job="pushed-{format}", {instances}}}')
                for format in ("text", "protobuf")
            )
            print(f"| pushed through Pushgateway {name} | {text} | {protobuf} |")
        exporter.stop()


if __name__ == "__main__":
    main()
