"""Text and structure put together block by block, so that places are right by construction."""

from collections.abc import Iterable

from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.formats.plain import too_many_characters
from knowledge.ingestion.reading import (
    MAX_HEADINGS,
    MAX_TITLE_CHARACTERS,
    Heading,
    Limits,
    PageSpan,
    Reading,
)

_BLOCK_SEPARATOR = "\n\n"


class Assembly:
    """A reading in the making. Blocks are cleaned, and what is empty is left out.

    Every method raises UnreadableDocument once the text has more characters than are allowed.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._blocks: list[str] = []
        self._length = 0
        self._pages: list[PageSpan] = []
        self._headings: list[Heading] = []
        self._page_start: int | None = None

    def begin_page(self) -> None:
        """End the page before, if there is one, and begin the next."""
        self._end_page()
        self._page_start = self._next_start

    def heading(self, level: int, title: str) -> None:
        title = " ".join(clean_text(title).split())
        if title:
            start = self._add(title)
            if len(self._headings) < MAX_HEADINGS:
                short = title[:MAX_TITLE_CHARACTERS]
                self._headings.append(Heading(level, short, start, start + len(title)))

    def paragraph(self, text: str) -> None:
        text = clean_text(text)
        if text.strip():
            self._add(text)

    def lines(self, lines: Iterable[str]) -> None:
        """One block of lines, such as a table or a list. They may come from a generator."""
        kept = []
        left = self._limits.characters - self._length
        for line in lines:
            left -= len(line) + 1
            if left < -1:
                raise too_many_characters(self._limits)
            kept.append(line)
        self.paragraph("\n".join(kept))

    def reading(self, file_type: str) -> Reading:
        self._end_page()
        return Reading(
            content=_BLOCK_SEPARATOR.join(self._blocks),
            file_type=file_type,
            pages=tuple(self._pages),
            page_count=len(self._pages) or None,
            headings=tuple(self._headings),
        )

    @property
    def _next_start(self) -> int:
        return self._length + len(_BLOCK_SEPARATOR) if self._blocks else 0

    def _add(self, text: str) -> int:
        start = self._next_start
        self._length = start + len(text)
        if self._length > self._limits.characters:
            raise too_many_characters(self._limits)
        self._blocks.append(text)
        return start

    def _end_page(self) -> None:
        if self._page_start is not None:
            # Of an empty page nothing was added; it lies where the text before it ends.
            start = min(self._page_start, self._length)
            self._pages.append(PageSpan(len(self._pages) + 1, start, self._length))
