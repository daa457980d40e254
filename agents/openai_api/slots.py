"""How many answers a process gives at once: it serves everybody else, too."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from uuid import UUID

from django.conf import settings

from common.api.problems import Problem

_SECONDS = 2  # until a client may try again
_lock = Lock()
_taken: Counter[UUID] = Counter()


@contextmanager
def slot(organization_id: UUID) -> Iterator[None]:
    """Take one of the places, of which an organization has half at most, or raise a 503."""
    most = settings.COMPLETIONS_AT_ONCE
    with _lock:
        is_full = _taken.total() >= most or _taken[organization_id] >= max(1, most // 2)
        if not is_full:
            _taken[organization_id] += 1
    if is_full:
        raise Problem(
            503,
            "Too many answers are being written just now. Ask again in a moment.",
            kind="busy",
            headers={"Retry-After": str(_SECONDS)},
        )
    try:
        yield
    finally:
        with _lock:
            _taken[organization_id] -= 1
            if not _taken[organization_id]:
                del _taken[organization_id]
