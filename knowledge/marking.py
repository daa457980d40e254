"""Which words of a passage a question asked for."""

import re
from typing import NamedTuple

_WORD = re.compile(r"\w+")
_SHARED = 4  # characters; two words that begin alike for so long are taken for forms of one


class Piece(NamedTuple):
    """A part of a text. Joined in order, the pieces are the text."""

    text: str
    is_marked: bool


def marked(text: str, query: str) -> list[Piece]:
    """The pieces of a text, those marked that match a word of the query."""
    asked = {word.casefold() for word in _WORD.findall(query) if _says_something(word)}
    pieces, at = [], 0
    for found in _WORD.finditer(text):
        if _matches(found[0].casefold(), asked):
            pieces += [Piece(text[at : found.start()], False), Piece(found[0], True)]
            at = found.end()
    return [piece for piece in (*pieces, Piece(text[at:], False)) if piece.text]


def _says_something(word: str) -> bool:
    """Words such as "of" and "in" stand everywhere."""
    return len(word) >= _SHARED or word.isupper() or not word.isalpha()


def _matches(word: str, asked: set[str]) -> bool:
    if word in asked:
        return True
    return any(
        len(short) >= _SHARED and long.startswith(short) and len(long) - len(short) <= 3
        for short, long in (sorted((word, other), key=len) for other in asked)
    )
