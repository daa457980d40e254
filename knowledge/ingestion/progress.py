"""How far the reading of a file got, told to whoever listens. Costs next to nothing when none does.

It is imported by what runs in the child process, where there is no Django.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[int, int], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(done: int, of: int) -> None:
    """Say how many pages, slides or sheets are read, of how many."""
    if listener := _listener.get():
        listener(done, of)


def current_listener() -> Listener | None:
    return _listener.get()


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
