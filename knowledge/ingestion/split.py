"""Split a reading into passages that fit the embedding model, along the structure of the text.

A passage never crosses a page or a heading, so that its page and heading are exact. Within those,
semantic-text-splitter cuts at the highest boundary that fits: for Markdown blocks, then lines,
sentences, words; it counts in the tokens of the embedding model.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import TypeAlias

from semantic_text_splitter import MarkdownSplitter, TextSplitter
from tokenizers import Tokenizer

from knowledge.embedding.minilm import CAPACITY
from knowledge.ingestion.reading import Heading, Reading

HEADING_ROOM = 14  # tokens beyond the capacity; the embedding model has room for them

MAX_PASSAGE_CHARACTERS = 4_000  # one word of any length is one unknown token
MAX_HEADING_CHARACTERS = 255
HEADING_SEPARATOR = " > "

# The splitter needs quadratic time for a long text without sentences or lines (100,000 Chinese
# characters: 6 s), so it is given only this much at a time, which costs nothing elsewhere.
_WINDOW_CHARACTERS = 6_000

_Splitter: TypeAlias = MarkdownSplitter | TextSplitter


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: `content` is exactly `reading.content[start:end]`, in characters.

    `position` counts from 0 through the document, `page` from 1; it is None where there are no
    pages. `heading` is the path of headings over the passage, outermost first, or "".
    """

    position: int
    content: str
    start: int
    end: int
    page: int | None
    heading: str


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the content on one page and under one heading, whose lines end at `body`."""

    start: int
    body: int
    end: int
    page: int | None
    heading: str


def split(reading: Reading, *, tokenizer: Tokenizer, capacity: int = CAPACITY) -> list[Passage]:
    """The passages of a document in order; every character that is no white space is in one.

    The tokenizer must not truncate. A passage holds at most `capacity` of its tokens, with its own
    heading HEADING_ROOM more, and at most MAX_PASSAGE_CHARACTERS.
    """
    splitter = _splitter(tokenizer, capacity, is_markdown=reading.is_markdown)
    passages: list[Passage] = []
    for section in _sections(reading):
        pieces = list(_cut(splitter, reading.content, section.start, section.end))
        headings = sum(end <= section.body for _, end in pieces)
        if 0 < headings < len(pieces):
            start, end = pieces[0][0], pieces[headings][1]
            if _fits(reading.content[start:end], tokenizer, capacity + HEADING_ROOM):
                pieces[: headings + 1] = [(start, end)]
        for start, end in pieces:
            content = reading.content[start:end]
            passages.append(
                Passage(len(passages), content, start, end, section.page, section.heading)
            )
    return passages


@lru_cache(maxsize=4)
def _splitter(tokenizer: Tokenizer, capacity: int, *, is_markdown: bool) -> _Splitter:
    """Kept, because it copies the tokenizer: 30 ms and some megabytes."""
    kind = MarkdownSplitter if is_markdown else TextSplitter
    return kind.from_huggingface_tokenizer(tokenizer, capacity)


def _fits(text: str, tokenizer: Tokenizer, capacity: int) -> bool:
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    return len(tokens) <= capacity and len(text) <= MAX_PASSAGE_CHARACTERS


def _cut(splitter: _Splitter, content: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the passages of one section lie.

    The text is cut window by window. The last piece of a window is cut again with what follows,
    so that a window's end shows only in a piece that fills it.
    """
    while start < end:
        stop = min(start + _WINDOW_CHARACTERS, end)
        pieces = list(_pieces(splitter, content[start:stop], start))
        if stop < end and len(pieces) > 1:
            stop = pieces.pop()[0]
        yield from pieces
        start = stop


def _pieces(splitter: _Splitter, text: str, offset: int) -> Iterator[tuple[int, int]]:
    """Where the splitter cuts a text that stands at `offset`, in pieces of bounded length."""
    for start, piece in splitter.chunk_indices(text):
        if len(piece) > MAX_PASSAGE_CHARACTERS:
            for at in range(0, len(piece), MAX_PASSAGE_CHARACTERS):
                part = piece[at : at + MAX_PASSAGE_CHARACTERS]
                yield from _pieces(splitter, part, offset + start + at)
        elif piece.strip():
            yield offset + start, offset + start + len(piece)


def _sections(reading: Reading) -> Iterator[_Section]:
    """The content between one page or heading and the next, but for what is blank."""
    content = reading.content
    headings = list(_heading_paths(reading))
    heading_starts = [start for start, _, _ in headings]
    page_starts = [page.start for page in reading.pages]
    edges = {0, len(content), *heading_starts}
    edges.update(edge for page in reading.pages for edge in (page.start, page.end))
    for start, end in pairwise(sorted(edges)):
        if content[start:end].strip():
            pages = bisect_right(page_starts, start)
            over = bisect_right(heading_starts, start)
            _, body, path = headings[over - 1] if over else (0, 0, "")
            page = reading.pages[pages - 1].number if pages else None
            yield _Section(start=start, body=body, end=end, page=page, heading=path)


def _heading_paths(reading: Reading) -> Iterator[tuple[int, int, str]]:
    """Where each section begins, where its heading ends, and the path of headings over it.

    Headings with nothing between them ("# Leave", "## Vacation") begin one section, under the last.
    """
    path: list[Heading] = []
    start = None
    for heading, following in zip_longest(reading.headings, reading.headings[1:]):
        start = heading.start if start is None else start
        path = [outer for outer in path if outer.level < heading.level] + [heading]
        if following is None or reading.content[heading.end : following.start].strip():
            yield start, heading.end, _joined([outer.title for outer in path])
            start = None


def _joined(titles: list[str]) -> str:
    """The path as text. What is too long loses its outermost titles first."""
    while len(titles) > 1 and len(HEADING_SEPARATOR.join(titles)) > MAX_HEADING_CHARACTERS:
        titles = titles[1:]
    return HEADING_SEPARATOR.join(titles)[:MAX_HEADING_CHARACTERS]
