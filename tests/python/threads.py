"""Runs functions in threads."""

import threading
from collections.abc import Callable, Iterable


def run_in_threads(functions: Iterable[Callable[[], object]]) -> None:
    """Runs each function in a thread, and waits until all have returned."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
