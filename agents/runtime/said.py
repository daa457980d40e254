"""From what a model says to what people read: citations made, links gone, the same by every way."""

from collections.abc import Iterator

from agents.providers.protocol import CitationFound, TextDelta
from agents.runtime.citations import Citations, Mark, Marks
from agents.runtime.links import Guard, Plain
from agents.runtime.passages import Passages


class Said:
    """The text of one turn, in pieces, through all its calls of a model.

    A provider that cites by itself (`extractive`) has numbers of its own, which stay.
    """

    def __init__(self, passages: Passages, question: str) -> None:
        self._plain = Plain()
        self._marks = Marks()
        self._guard = Guard()
        self._citations = Citations(passages, question)
        self._is_cited = False  # by the provider
        self._has_text = False
        self._is_new_call = False

    @property
    def has_text(self) -> bool:
        return self._has_text

    def cited(self, citation: CitationFound) -> CitationFound:
        self._is_cited = True
        return citation

    def text(self, text: str) -> Iterator[CitationFound | TextDelta]:
        """Yield what can be read by now, each citation before the text that refers to it."""
        if self._is_new_call and text.strip():
            self._is_new_call = False
            text = "\n\n" + text.lstrip() if self._has_text else text
        self._has_text = self._has_text or bool(text.strip())
        yield from self._found(self._plain.feed(text), is_last=False)

    def end_of_call(self) -> Iterator[CitationFound | TextDelta]:
        """Yield what was held back for what might have followed. More may be said in a new call."""
        rest = self._plain.feed("", is_last=True)
        yield from self._found(rest, is_last=True)
        self._plain, self._marks, self._guard = Plain(), Marks(), Guard()
        self._is_new_call, self._is_cited = True, False

    def _found(self, text: str, *, is_last: bool) -> Iterator[CitationFound | TextDelta]:
        found: Iterator[str | Mark] = iter([text])
        if not self._is_cited:
            found = self._marks.feed(text, is_last=is_last)
        for piece in found:
            if isinstance(piece, str):
                self._citations.written(piece)
                yield from self._shown(piece)
                continue
            for event in self._citations.of(piece):
                yield from self._shown(event.text) if isinstance(event, TextDelta) else [event]
        if is_last:
            yield from self._shown("", is_last=True)

    def _shown(self, text: str, *, is_last: bool = False) -> Iterator[CitationFound | TextDelta]:
        if safe := self._guard.feed(text, is_last=is_last):
            yield TextDelta(safe)
