"""Effects outside the database that must not outlive a transaction that is rolled back."""

import weakref
from collections.abc import Callable

from django.db import transaction


def on_rollback(undo: Callable[[], None]) -> None:
    """Call `undo` when the transaction, or the savepoint, that surrounds this is rolled back.

    Django tells nobody of a rollback, but what waits for the commit (`transaction.on_commit`) is
    dropped then without being called; that is noticed here. When the process is killed nothing is
    called. `undo` must not use the database.
    """
    waiting = _Waiting()
    waiting.undo = weakref.finalize(waiting, undo)
    # Nor at the end of a process forked from this one. (The stub knows `atexit` as read-only.)
    waiting.undo.atexit = False  # type: ignore[misc]
    transaction.on_commit(waiting.committed)


class _Waiting:
    """Lives as long as Django means to call `committed`."""

    undo: weakref.finalize

    def committed(self) -> None:
        self.undo.detach()
