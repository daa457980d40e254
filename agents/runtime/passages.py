"""The passages that a turn shows to its model: numbered, and marked as data.

The numbers are those that "[n]" in the answer refers to. They go on through the turn, whoever finds
a passage, and a passage keeps the one it was given.
"""

import re
from collections.abc import Iterable
from uuid import UUID
from xml.sax.saxutils import quoteattr

from knowledge.search import Hit

# What could pass for one of our tags, also with something invisible in it.
_TAG = re.compile(
    r"[<\uff1c\ufe64](?=[\s/\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*(?:passages?|data)\b)",
    re.IGNORECASE,
)


class Passages:
    """The passages of one turn by their numbers, which count from 1."""

    def __init__(self, hits: Iterable[Hit] = ()) -> None:
        self._by_number: list[Hit] = []
        self._numbers: dict[UUID, int] = {}
        for hit in hits:
            self.number(hit)

    def __len__(self) -> int:
        return len(self._by_number)

    def number(self, hit: Hit) -> int:
        """The number of a passage, a new one where it has none."""
        if hit.chunk_id not in self._numbers:
            self._by_number.append(hit)
            self._numbers[hit.chunk_id] = len(self._by_number)
        return self._numbers[hit.chunk_id]

    def get(self, number: int) -> Hit | None:
        return self._by_number[number - 1] if 0 < number <= len(self._by_number) else None

    def shown(self, hits: Iterable[Hit]) -> str:
        """These passages as the model reads them, each in its tag with its number."""
        return "\n".join(_passage(self.number(hit), hit) for hit in hits)


def as_data(text: str) -> str:
    """A text of somebody else's, in a tag that it cannot end."""
    return f"<data>\n{harmless(text)}\n</data>"


def harmless(text: str) -> str:
    """The text without what could end a tag of ours, or begin one."""
    return _TAG.sub("&lt;", text)


def _passage(number: int, hit: Hit) -> str:
    page = "" if hit.page is None else f' page="{hit.page}"'
    name = quoteattr(harmless(hit.filename))
    place = f' document={name} id="{hit.document_id}"{page}'
    return f'<passage number="{number}"{place}>\n{harmless(hit.content)}\n</passage>'
