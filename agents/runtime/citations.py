"""The model's "[n]" become citations: each a passage with an exact quote, numbered by first use.

A mark stands for one passage or several: [1], [2][3], [1, 2]. The quote is what in the passage is
nearest to the sentence that cites it; two statements that rest on different sentences of a passage
are two citations. A number that points to nothing is taken out of the text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.evidence.sentences import Sentence, sentences_of
from agents.evidence.words import STOP_WORDS, meanings_of, stems_of, words_of
from agents.providers.protocol import CitationFound, TextDelta
from agents.runtime.passages import Passages
from knowledge.search import Hit

MOST_CITATIONS = 200
MOST_LOOKED_UP = 500  # passages that marks of one turn stand for; further marks are taken out
MOST_OF_A_MARK = 10
LONGEST_QUOTE = 600  # characters
_REMEMBERED = 1_200  # characters of the text before a mark, in which its sentence is looked for
# A run of blanks is read from its beginning alone: from each of them, it would be read n² times.
_MARK = re.compile(r"((?<![ \t])[ \t]*+)(?<!\\)\[(\d{1,3}(?:\s?[,;]\s?\d{1,3})*)\]")
_TOKEN = re.compile(rf"{_MARK.pattern}|(`++)|(\n[ \t]*+\n)")
# What may go on to be a mark, a run of backticks or the end of a paragraph.
_OPEN = re.compile(
    r"(?:(?:(?<![ \t])[ \t]++)?\[[\d,;\s]{0,40}|(?<![ \t])[ \t]++|(?<!`)`++|\n[ \t]*+|\\)$"
)
_LONGEST_HELD = 256  # characters; a longer run waits for nothing
_FENCE = 3
_NUMBER_WEIGHT = 2.0  # of a number in a sentence; other words have 1
_ENOUGH = 2.0  # what a neighbouring sentence must add to belong to the quote
_PER_WORD = 0.02  # of two sentences that say as much, the shorter one


@dataclass(frozen=True)
class Mark:
    """Numbers that the model wrote, and the blanks before them."""

    blanks: str
    numbers: Sequence[int]


class Marks:
    """Finds marks in a text that comes in pieces. In code there are none, and [0] is an index."""

    def __init__(self) -> None:
        self._held = ""
        self._code = 0  # backticks that have opened code

    def feed(self, text: str, *, is_last: bool = False) -> Iterator[str | Mark]:
        """Yield the text that is clear by now, and the marks in it."""
        text = self._held + text
        from_here = max(0, len(text) - _LONGEST_HELD)
        still_open = None if is_last else _OPEN.search(text, from_here)
        end = still_open.start() if still_open else len(text)
        text, self._held = text[:end], text[end:]
        at = 0
        for token in _TOKEN.finditer(text):
            blanks, numbers, ticks, _ = token.groups()
            if numbers and not self._code and (found := _numbers(numbers)):
                yield text[at : token.start()]
                yield Mark(blanks, found)
                at = token.end()
            elif ticks:
                self._code = self._after(len(ticks))
            elif not numbers and self._code < _FENCE:
                self._code = 0  # a paragraph has ended, and code within a line with it
        yield text[at:]

    def _after(self, ticks: int) -> int:
        if not self._code:
            return ticks
        return 0 if ticks == self._code else self._code


def _numbers(text: str) -> list[int]:
    found = [int(number) for number in re.split(r"\s?[,;]\s?", text)]
    return [] if 0 in found else found


class Citations:
    """Makes citations of marks, for one turn. `question` stands in for a mark without a sentence.

    `written` is told whatever becomes text, so that it knows in which sentence a mark stands.
    """

    def __init__(self, passages: Passages, question: str) -> None:
        self._passages = passages
        self._question = question
        self._numbers: dict[tuple[object, str], int] = {}
        self._quotes: dict[tuple[object, str], str] = {}
        self._looked_up = 0
        self._text = ""
        self._claimed: str | None = None

    def written(self, text: str) -> None:
        if text:
            self._text = (self._text + text)[-_REMEMBERED:]
            self._claimed = None

    def of(self, mark: Mark) -> Iterator[CitationFound | TextDelta]:
        """Yield the new citations of a mark, then the text that stands for it, if any."""
        numbers: list[int] = []
        wanted = list(dict.fromkeys(mark.numbers))[:MOST_OF_A_MARK]
        for passage in filter(None, map(self._passages.get, wanted)):
            if self._looked_up == MOST_LOOKED_UP:
                break
            self._looked_up += 1
            quote = self._quote(passage)
            key = (passage.chunk_id, quote)
            if key not in self._numbers:
                if len(self._numbers) == MOST_CITATIONS:
                    continue
                self._numbers[key] = len(self._numbers) + 1
                yield CitationFound(self._numbers[key], passage, quote)
            numbers.append(self._numbers[key])
        if numbers:
            shown = "".join(f"[{number}]" for number in dict.fromkeys(numbers))
            yield TextDelta(mark.blanks + shown)

    def _quote(self, passage: Hit) -> str:
        key = passage.chunk_id, self._claim()
        if key not in self._quotes:
            self._quotes[key] = quote_from(passage.content, key[1])
        return self._quotes[key]

    def _claim(self) -> str:
        if self._claimed is None:
            sentences = sentences_of(self._text)
            self._claimed = sentences[-1].text if sentences else self._question
        return self._claimed


def quote_from(content: str, claim: str) -> str:
    """The sentence of a passage that says most of what a claim says, with a neighbour that adds to
    it; an exact substring, the first sentence where nothing is said."""
    read = _read(content)
    sentences = [sentence for sentence, _ in read]
    if not sentences:
        return content[:LONGEST_QUOTE]
    wanted = {word: meanings_of(word) for word in words_of(claim) if word not in STOP_WORDS}
    said = [{word for word in wanted if wanted[word] & stems} for _, stems in read]
    scores = [
        _weight(words) / (1 + _PER_WORD * len(sentence.text.split()))
        for words, sentence in zip(said, sentences, strict=True)
    ]
    best = max(range(len(sentences)), key=lambda number: (scores[number], -number))
    first = last = best
    for beside in (best - 1, best + 1):
        if 0 <= beside < len(sentences) and _weight(said[beside] - said[best]) >= _ENOUGH:
            first, last = min(first, beside), max(last, beside)
    start, end = sentences[first].start, sentences[last].end
    if end - start > LONGEST_QUOTE:
        start, end = sentences[best].start, sentences[best].end
    return _cut(content[start:end])


@lru_cache(maxsize=64)
def _read(content: str) -> list[tuple[Sentence, frozenset[str]]]:
    """The sentences that can be quoted, with the stems of their words."""
    everything = sentences_of(content)
    sentences = [s for s in everything if not s.is_heading] or everything
    return [(sentence, stems_of(sentence.text)) for sentence in sentences]


def _weight(words: set[str]) -> float:
    return sum(_NUMBER_WEIGHT if word[0].isdigit() else 1.0 for word in words)


def _cut(quote: str) -> str:
    if len(quote) <= LONGEST_QUOTE:
        return quote
    return quote[:LONGEST_QUOTE].rsplit(maxsplit=1)[0]
