"""How far the reading of a document got, as its people see it while it goes on.

It is written beside the reading's own transactions, in columns that nothing else needs, and not
more often than anybody looks.
"""

import time
from collections.abc import Callable

from knowledge.models import Document
from tenants.context import acting_for

SECONDS_BETWEEN = 1.0

NO_PROGRESS: dict[str, None] = {
    "pages_read": None,
    "pages_total": None,
    "chunks_embedded": None,
    "chunks_total": None,
}


class Progress:
    """Writes to the row of a document, as long as the run that claimed it is its only reader."""

    def __init__(self, document: Document, *, clock: Callable[[], float] = time.monotonic):
        self._document = document
        self._clock = clock
        self._due = clock() + SECONDS_BETWEEN  # what is read in a second shows none

    def pages(self, read: int, of: int) -> None:
        self._write(pages_read=read, pages_total=of)

    def chunks(self, embedded: int, of: int) -> None:
        self._write(chunks_embedded=embedded, chunks_total=of)

    def _write(self, **columns: int) -> None:
        now = self._clock()
        if now < self._due:
            return
        self._due = now + SECONDS_BETWEEN
        with acting_for(self._document.organization_id):
            Document.objects.claimed_by(self._document).update(**columns)
