"""Where in a passage the words of a query stand: as offsets, so that nobody needs to trust HTML.

Offsets are characters (code points), the end exclusive, as in Python slices.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SNIPPET_CHARACTERS = 240
_BEFORE = SNIPPET_CHARACTERS // 6  # what is shown before the first word
_REACH = SNIPPET_CHARACTERS - _BEFORE

Span = tuple[int, int]


@dataclass(frozen=True)
class Snippet:
    """A piece of a passage around the words that were asked for; `highlights` are offsets in it."""

    text: str
    highlights: tuple[Span, ...]


def find_words(content: str, words: Sequence[str]) -> tuple[Span, ...]:
    """Where words stand in a text as whole words, in order and apart from each other.

    `words` are as the text spells them; of two that begin at one place the longer is meant.
    """
    if not words:
        return ()
    longest_first = sorted(set(words), key=lambda word: (-len(word), word))
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"
    return tuple(match.span() for match in re.finditer(pattern, content))


def cut_snippet(content: str, highlights: Sequence[Span]) -> Snippet:
    """The piece with the most different words, the first of equals; SNIPPET_CHARACTERS at most."""
    start = _beginning(content, highlights)
    end = _word_edge(content, start + SNIPPET_CHARACTERS)
    inside = ((a - start, b - start) for a, b in highlights if a >= start and b <= end)
    return Snippet(content[start:end], tuple(inside))


def _beginning(content: str, highlights: Sequence[Span]) -> int:
    """A little before the first of the words, where a word begins."""
    best, most = 0, 0
    for at, _ in highlights:
        within = {content[a:b].lower() for a, b in highlights if at <= a and b <= at + _REACH}
        if len(within) > most:
            best, most = at, len(within)
    if len(content) <= SNIPPET_CHARACTERS or best + _REACH <= SNIPPET_CHARACTERS:
        return 0
    start = min(best - _BEFORE, len(content) - SNIPPET_CHARACTERS)
    blank = content.find(" ", start, best)
    return blank + 1 if blank >= 0 else max(start, 0)


def _word_edge(content: str, end: int) -> int:
    if end >= len(content):
        return len(content)
    blank = content.rfind(" ", end - _BEFORE, end + 1)
    return blank if blank > 0 else end
