from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from django.db import connection, connections


@contextmanager
def pool_of_two() -> Iterator[None]:
    """As in the web process, but smaller: a block gets what the one before left behind."""
    options = connection.settings_dict["OPTIONS"]
    connections.close_all()
    options["pool"] = {"min_size": 0, "max_size": 2, "timeout": 60}
    try:
        yield
    finally:
        connections.close_all()
        connection.close_pool()  # type: ignore[attr-defined]
        del options["pool"]


def race(*runners: Callable[[], Any], patience: float = 120) -> list[Any]:
    """Start them at the same moment, each in a thread with connections of its own.

    Return what each returned or raised, in their order; wait `patience` seconds for each.
    """
    start = Barrier(len(runners), timeout=60)

    def run(runner: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return runner()
        except Exception as error:  # noqa: BLE001
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(runners)) as threads:
        return [ran.result(timeout=patience) for ran in [threads.submit(run, r) for r in runners]]
