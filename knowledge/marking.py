"""The pieces of a passage, for a page that marks the words of a question in it."""

from collections.abc import Iterable
from typing import NamedTuple

from knowledge.search import Span


class Piece(NamedTuple):
    """A part of a text. Joined in order, the pieces are the text."""

    text: str
    is_marked: bool


def in_pieces(text: str, highlights: Iterable[Span]) -> list[Piece]:
    """The pieces of a text, marked where the highlights are, which are in order."""
    pieces, at = [], 0
    for start, end in highlights:
        pieces += [Piece(text[at:start], False), Piece(text[start:end], True)]
        at = end
    return [piece for piece in (*pieces, Piece(text[at:], False)) if piece.text]
