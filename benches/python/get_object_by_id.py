"""Measures dataClay's `get_object_by_id` without metrics, with dataClay's, and with this package's.

    .venv/bin/python benches/python/get_object_by_id.py [ROUNDS]

All lookups are hits in one event loop. Each round starts a new interpreter for each variant, and
ratios compare variants of the same round.
"""

import os
import statistics
import subprocess
import sys

VARIANTS = {
    "off": {"DATACLAY_METRICS": "false"},
    "dataClay's": {"DATACLAY_METRICS": "true"},
    "this package's": {"DATACLAY_METRICS": "true", "DATACLAY_METRICS_INSTALL": "true"},
}

LOOP = """
import asyncio, time, uuid
from dataclay.runtime import ClientRuntime

N = 200_000
runtime = ClientRuntime("localhost", 1)
object_id = uuid.uuid4()

class Held: pass
held = runtime.inmemory_objects[object_id] = Held()

async def loop():
    for _ in range(N // 10):
        await runtime.get_object_by_id(object_id)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(N):
            await runtime.get_object_by_id(object_id)
        times.append((time.perf_counter() - began) / N * 1e9)
    return min(times)

print(asyncio.run(loop()))
"""


def measure(variables: dict[str, str]) -> float:
    """Returns the nanoseconds of one lookup."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DATACLAY_")}
    done = subprocess.run(
        [sys.executable, "-c", LOOP],
        env=environment | variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    results: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, variables in VARIANTS.items():
            results[name].append(measure(variables))
    print(f"Python {sys.version.split()[0]}, {rounds} rounds")
    for name, times in results.items():
        ratios = [time / off for time, off in zip(times, results["off"], strict=True)]
        print(
            f"{name:15} {min(times):6.0f} ns minimum, {statistics.median(times):6.0f} ns median;"
            f" {statistics.median(ratios):.2f} times off"
            f" ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
