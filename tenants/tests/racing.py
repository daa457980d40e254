from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from threading import Barrier, Event
from typing import Any

from django.db import connection, connections

from common.tests.support import until


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
        return outcome(runner)

    with ThreadPoolExecutor(len(runners)) as threads:
        return [ran.result(timeout=patience) for ran in [threads.submit(run, r) for r in runners]]


def outcome(runner: Callable[[], Any]) -> Any:
    """What it returns or raises, in a thread whose connections end with it."""
    try:
        return runner()
    except Exception as error:  # noqa: BLE001
        return error
    finally:
        connections.close_all()


@contextmanager
def in_another_transaction(
    block: AbstractContextManager[Any], verb: Callable[[], Any]
) -> Iterator[None]:
    """Do something in a block of another thread, which ends, and commits, when this one does."""
    done, go_on = Event(), Event()

    def run() -> None:
        try:
            with block:
                verb()
                done.set()
                assert go_on.wait(60)
        finally:
            done.set()
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run)
        try:
            assert done.wait(60)
            yield
        finally:
            go_on.set()
            running.result(timeout=60)


def second_of(block: AbstractContextManager[Any], first: Callable[[], Any], second: Any) -> Any:
    """Do the first in a block that stays open until the second, begun meanwhile, waits for it.

    Return what the second returned or raised.
    """
    with ThreadPoolExecutor(1) as threads:
        with in_another_transaction(block, first):
            running = threads.submit(outcome, second)
            until(lambda: running.done() or _somebody_waits())
            assert not running.done(), f"did not wait: {running.result()!r}"
        return running.result(timeout=60)


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database())"
        )
        return cursor.fetchone()[0]
