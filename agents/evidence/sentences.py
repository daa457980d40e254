"""The sentences of a passage, as spans of its text.

Passages come from prose, Markdown and the text layer of PDF files, where a line ends wherever the
page did. So a line break ends a sentence only where the next line or the last one says so.
"""

import re
from dataclasses import dataclass

# What begins a line that stands for itself: a list item, a table row, a heading, a quote.
MARK = re.compile(
    r"\s*(?:[-*+|#>\u2022\u00b7\u25aa\u25e6\u2023\u2013]|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s)"
)
TABLE_RULE = re.compile(r"[\s|:+=-]+")
# The end of a sentence: its stop, closing quotes, white space, and what can begin the next one.
STOP = re.compile(
    r"(?:[.!?\u2026][\"'\u2019\u201d\u00bb)\]]*\s+|[\u3002\uff01\uff1f])"
    r"(?=[\"'\u2018\u201c\u00ab(\[\u00bf\u00a1]?[^\W_a-z])"
)
ABBREVIATION = re.compile(
    r"(?:\b(?:e\.\s?g|i\.\s?e|mr|mrs|ms|dr|prof|no|nr|vs|approx|st|fig|sec|art|ca|cf|inc|ltd|co"
    r"|resp|max|min)|\b[a-z])\.$",
    re.IGNORECASE,
)
LEADERS = re.compile(r"(?:[._\u00b7]\s?){5,}")  # a line of a table of contents
SHORT_LINE = 0.6  # of the longest line: a shorter one was ended on purpose, not by the margin
LONGEST_HEADING = 10  # words


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text[start:end]` of a passage. A heading, or a question that the text answers, leads what
    follows and is no answer itself."""

    start: int
    end: int
    text: str
    is_heading: bool


def sentences_of(text: str) -> list[Sentence]:
    """The sentences, headings, list items and table rows of a passage, in order."""
    found = []
    for start, end in _blocks(text):
        for first, last in _split(text, start, end):
            piece = text[first:last]
            whole = (first, last) == (start, end)
            if any(character.isalnum() for character in piece) and not LEADERS.search(piece):
                found.append(Sentence(first, last, piece, _is_heading(piece, stands_alone=whole)))
    return found


def _blocks(text: str) -> list[tuple[int, int]]:
    """Spans of lines that belong together, without white space around them."""
    lines = []
    position = 0
    for line in text.splitlines(keepends=True):
        lines.append((position, line))
        position += len(line)
    width = max((len(line) for _, line in lines), default=0)
    blocks: list[list[int]] = []
    last = ""
    for position, line in lines:
        bare = line.strip()
        if bare and not _says_nothing(bare):
            start = position + line.index(bare)
            if not last or _begins_anew(line, last, width):
                blocks.append([start, start + len(bare)])
            else:
                blocks[-1][1] = start + len(bare)
        last = "" if LEADERS.search(bare) else bare
    return [(start, end) for start, end in blocks]


def _says_nothing(line: str) -> bool:
    """Whether a line is the rule of a table or belongs to a table of contents."""
    return bool(LEADERS.search(line) or (line.startswith("|") and TABLE_RULE.fullmatch(line)))


def _begins_anew(line: str, last: str, width: int) -> bool:
    return bool(MARK.match(line)) or last.startswith(("#", "|")) or len(last) < SHORT_LINE * width


def _split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The sentences within a block, trimmed."""
    spans = []
    first = start
    for match in STOP.finditer(text, start, end):
        if text[match.start()] == "." and ABBREVIATION.search(text, first, match.start() + 1):
            continue
        spans.append((first, match.end()))
        first = match.end()
    spans.append((first, end))
    trimmed = []
    for first, last in spans:
        piece = text[first:last]
        bare = piece.strip()
        if bare:
            first += piece.index(bare)
            trimmed.append((first, first + len(bare)))
    return trimmed


def _is_heading(piece: str, *, stands_alone: bool) -> bool:
    if piece.startswith("#") or piece.endswith("?"):
        return True
    return (
        stands_alone
        and len(piece.split()) < LONGEST_HEADING
        and not MARK.match(piece)
        and not re.search(r"[.!:;,]$|\d", re.sub(r"^[\d.]+\s", "", piece))
    )
