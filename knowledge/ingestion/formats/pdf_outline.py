"""An outline names a title and a page. Where on the page the title stands is found in its text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.reading import MAX_TITLE_CHARACTERS, Heading, PageSpan


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """One bookmark: level and page count from 1."""

    level: int
    title: str
    page: int


def place_headings(
    outline: Iterable[OutlineEntry], content: str, pages: tuple[PageSpan, ...]
) -> tuple[Heading, ...]:
    """The outline as headings of the content, in order.

    A title that is not found as a line of its page, such as one drawn as a picture, becomes an
    empty heading at the top of that page or behind the heading before it.
    """
    headings = []
    position = 0
    for entry in sorted(outline, key=lambda entry: entry.page):
        page = pages[entry.page - 1]
        position = max(position, page.start)
        if title := " ".join(clean_text(entry.title).split())[:MAX_TITLE_CHARACTERS]:
            start, end = _find_line(title, content, position, page.end)
            headings.append(Heading(level=entry.level, title=title, start=start, end=end))
            position = end
    return tuple(headings)


def _find_line(title: str, content: str, start: int, end: int) -> tuple[int, int]:
    """Where a line says the title, perhaps numbered ("7.1 Title"); (start, start) if none does."""
    words = r"\s+".join(map(re.escape, title.split()))
    line = re.compile(rf"^(?:[\w.§]{{1,12}}[ \t]+)?{words}$", re.IGNORECASE | re.MULTILINE)
    match = line.search(content, start, end)
    return match.span() if match else (start, start)
