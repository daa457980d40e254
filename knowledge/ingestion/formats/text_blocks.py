"""A text put together from blocks: headings, paragraphs, items, rows."""

from typing import Any

from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.formats.plain import too_many_characters
from knowledge.ingestion.reading import MAX_HEADINGS, MAX_TITLE_CHARACTERS, Heading, Limits, Reading


class Blocks:
    """The blocks of a file in order. A blank line stands between them, a newline between those that
    are `tight`, such as the rows of a table."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._was_tight = False
        self.outer_levels = 0  # of headings that stand over what is added

    def add(self, text: str, *, level: int | None = None, tight: bool = False) -> None:
        """Add a block, if anything in it can be seen; with a level it is a heading.

        Raises UnreadableDocument when the file has too many characters.
        """
        text = clean_text(text)
        if level is not None:
            text = " ".join(text.split())
        if not text.strip():
            return
        self._separate("\n" if tight and self._was_tight else "\n\n")
        self._was_tight = tight
        if level is not None and len(self._headings) < MAX_HEADINGS:
            end = self._length + len(text)
            title = text[:MAX_TITLE_CHARACTERS]
            self._headings.append(Heading(level + self.outer_levels, title, self._length, end))
        self._append(text)

    def reading(self, file_type: str, **more: Any) -> Reading:
        content = "".join(self._parts)
        return Reading(content, file_type, headings=tuple(self._headings), **more)

    def _separate(self, by: str) -> None:
        if self._parts:
            self._append(by)

    def _append(self, text: str) -> None:
        self._length += len(text)
        if self._length > self._limits.characters:
            raise too_many_characters(self._limits)
        self._parts.append(text)
