from django.db import connections


def let_go() -> None:
    """Give this thread's connections back, but for those in a transaction.

    Whoever waits, streams or hashes would keep a pooled one from others; the next query takes one.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
