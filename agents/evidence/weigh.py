"""What speaks for each sentence of the passages: how near it is to the question, and how much of
what the question is about it covers.

Everything comes from one encoding of the question, its key words and the sentences. The vectors of
single tokens say whether "guests" covers "friends" where the letters do not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.evidence.questions import Question, counts, suits
from agents.evidence.sentences import Sentence, sentences_of
from agents.evidence.words import meanings_of, stems_of

Floats = NDArray[np.float32]


class Encoded(NamedTuple):
    """One text as the embedding model sees it.

    `vector` (384): its unit vector. `tokens` (n, 384): the unit vectors of its tokens without the
    special ones, as the last layer gives them; `spans` (n, 2): their offsets in the text.
    """

    vector: Floats
    tokens: Floats
    spans: NDArray[np.int_]


Encode = Callable[[Sequence[str]], Sequence[Encoded]]


class Passage(Protocol):
    """What is read of a passage. Search gives objects that have more."""

    @property
    def content(self) -> str: ...
    @property
    def heading(self) -> str: ...


# Token vectors of unrelated words have a cosine of about 0.2 to 0.3, of synonyms in like sentences
# of 0.7 and more (all-MiniLM-L6-v2, read off the words of the development questions).
UNRELATED = 0.3
SAME = 0.8
COUNTED_NEAR = 30  # characters between a number and what it counts
COUNTED_SAME = 0.5  # cosine of what is asked for and what is counted: 0.54 and more where it was
COUNTED_OTHER = 0.3  # the same thing, 0.5 and less where it was not


@dataclass(frozen=True)
class Evidence:
    """One sentence and what speaks for it.

    `passage` is the number of its passage. `nearness` is the cosine of question and sentence,
    `key_nearness` that of the question's key words; `fit` is how well it suits the kind of
    question (-1 to 1); `standing` is by how many standard deviations its best tokens stand out for
    the words of the topic; `covered` (0 to 1) how much of each word of the topic it or its heading
    covers; `near` is the nearness of the passage's best sentence less that of the best passage's.
    """

    passage: int
    sentence: Sentence
    nearness: float
    key_nearness: float
    fit: float
    standing: float
    alone: float
    covered: Floats
    near: float


@dataclass(frozen=True)
class Weighed:
    """All sentences, and what holds for them together: `covered` is how much of each word of the
    topic the best of them covers, `missing` how many of these words stand in none of them, in
    any form; `strangers` how many names or codes of the question stand nowhere, and `other_owners`
    how many of those whose facts are asked for."""

    question: Question
    evidence: list[Evidence]
    covered: Floats
    missing: int
    strangers: int
    other_owners: int


@dataclass(frozen=True)
class _Line:
    """A sentence of a passage with its encoding, and the heading above it."""

    passage: int
    sentence: Sentence
    encoded: Encoded
    heading: str
    above: Floats


@dataclass(frozen=True)
class _Place:
    passage: int
    sentence: Sentence
    heading: str
    text: str


def weigh(question: Question, passages: Sequence[Passage], *, encode: Encode) -> Weighed:
    """Weigh every sentence of the passages. Calls `encode` once."""
    topic = [question.text[start:end] for start, end in question.topic]
    texts = [question.text, " ".join(topic) or question.text]
    single = [word.lower() for word in topic]
    placed = [
        place
        for number, passage in enumerate(passages)
        for place in _placed(number, sentences_of(passage.content), passage.heading)
    ]
    unique = dict.fromkeys([*texts, *single, *(place.text for place in placed)])
    encoded = dict(zip(unique, encode(list(unique)), strict=True))
    lines = [_line(place, encoded[place.text]) for place in placed]
    lines = [line for line in lines if line.encoded.tokens.size]
    scale = _Scale(question, topic, encoded[texts[0]], encoded[texts[1]].vector)
    scale.single = np.array([encoded[w].vector for w in single]).reshape(len(single), 384)
    return scale.weigh(lines)


def _placed(passage: int, sentences: list[Sentence], path: str) -> list[_Place]:
    """Sentences with the heading they stand under."""
    title = path.rsplit(" > ", 1)[-1]
    places = []
    for sentence in sentences:
        if sentence.is_heading:
            title = sentence.text.strip("# ")
            places.append(_Place(passage, sentence, "", sentence.text))
        else:
            lead = f"{title}: " if title else ""
            places.append(_Place(passage, sentence, title, lead + sentence.text))
    return places


def _line(place: _Place, encoded: Encoded) -> _Line:
    """The sentence's own tokens, which have seen its heading."""
    own = encoded.spans[:, 0] >= len(place.text) - len(place.sentence.text)
    return _Line(place.passage, place.sentence, Encoded(encoded.vector, encoded.tokens[own], encoded.spans[own] - (len(place.text) - len(place.sentence.text))), place.heading, encoded.tokens[~own])


class _Scale:
    """The question's side of the comparison."""

    def __init__(self, question: Question, topic: list[str], asked: Encoded, keys: Floats) -> None:
        self.question = question
        self.vector = asked.vector
        self.keys = keys
        self.words = [meanings_of(word.lower()) for word in topic]
        self.tokens = asked.tokens
        self.rows = [_rows(asked.spans, span) for span in question.topic]
        self.counted = _rows(asked.spans, question.counted) if question.counted else None

    def weigh(self, lines: list[_Line]) -> Weighed:
        question = self.question
        stems = frozenset[str]().union(*(stems_of(line.sentence.text) for line in lines))
        strangers = sum(not meanings_of(name) & stems for name in question.names)
        others = sum(not meanings_of(name) & stems for name in question.owners)
        missing = sum(not word & stems for word in self.words)
        if not lines:
            nothing = np.zeros(len(self.words), np.float32)
            return Weighed(question, [], nothing, missing, strangers, others)
        likeness = [self.tokens @ line.encoded.tokens.T for line in lines]
        everything = np.concatenate(likeness, axis=1)
        mean = self._per_word(everything.mean(axis=1))
        spread = self._per_word(everything.std(axis=1)) + 1e-6
        nearness = np.array([float(line.encoded.vector @ self.vector) for line in lines])
        best: dict[int, float] = {}
        for line, value in zip(lines, nearness, strict=True):
            best[line.passage] = max(best.get(line.passage, -1.0), value)
        peaks = [self._per_word(matrix.max(axis=1)) for matrix in likeness]
        covered = {id(x): self._covered(x, p) for x, p in zip(lines, peaks, strict=True)}
        evidence = [
            Evidence(
                passage=line.passage,
                sentence=line.sentence,
                nearness=float(value),
                key_nearness=float(line.encoded.vector @ self.keys),
                fit=self._fit(line, matrix),
                standing=float(((peak - mean) / spread).mean()) if self.words else 0.0,
                alone=float((self.single @ line.encoded.tokens.T).max(axis=1).mean())
                if self.words
                else 0.0,
                covered=self._with_heading(line, covered),
                near=best[line.passage] - float(nearness.max()),
            )
            for line, value, matrix, peak in zip(lines, nearness, likeness, peaks, strict=True)
        ]
        together = np.max([covered[id(line)] for line in lines], axis=0)
        return Weighed(question, evidence, together, missing, strangers, others)

    def _per_word(self, values: Floats) -> Floats:
        """Values per token of the question, averaged over the tokens of each word of the topic."""
        return np.array([values[rows].mean() if rows else 0.0 for rows in self.rows], np.float32)

    def _covered(self, line: _Line, peak: Floats) -> Floats:
        """How much of each word of the topic a line covers: wholly if it has the word."""
        stems = stems_of(line.sentence.text)
        there = np.array([bool(word & stems) for word in self.words], dtype=bool)
        return np.where(there, 1.0, np.clip((peak - UNRELATED) / (SAME - UNRELATED), 0.0, 1.0))

    def _with_heading(self, line: _Line, covered: dict[int, Floats]) -> Floats:
        if not line.heading:
            return covered[id(line)]
        stems = stems_of(line.heading)
        there = np.array([bool(word & stems) for word in self.words], dtype=bool)
        peak = self._per_word((self.tokens @ line.above.T).max(axis=1)) if len(line.above) else np.zeros(len(self.words))
        above = np.where(there, 1.0, np.clip((peak - UNRELATED) / (SAME - UNRELATED), 0.0, 1.0))
        return np.maximum(covered[id(line)], above)

    def _fit(self, line: _Line, likeness: Floats) -> float:
        """How well a line suits the kind of question; for "how many", what its numbers count."""
        fit = suits(self.question, line.sentence.text)
        if fit <= 0 or not self.counted:
            return float(fit)
        spans = line.encoded.spans
        closest = -1.0
        for start, end in counts(line.sentence.text):
            after = (spans[:, 0] >= start) & (spans[:, 1] <= end + COUNTED_NEAR)
            if line.sentence.text[:start].rstrip().endswith((":", "|", "=")):
                after |= spans[:, 1] <= start
            if after.any():
                closest = max(closest, float(likeness[self.counted][:, after].max(axis=1).mean()))
        scaled = (closest - COUNTED_OTHER) / (COUNTED_SAME - COUNTED_OTHER)
        return float(np.clip(2.0 * scaled - 1.0, -1.0, 1.0))


def _rows(spans: NDArray[np.int_], span: tuple[int, int]) -> list[int]:
    """The tokens that lie within a span of the text."""
    inside = (spans[:, 0] >= span[0]) & (spans[:, 1] <= span[1])
    return [int(row) for row in np.flatnonzero(inside)]
