"""What speaks for each sentence of the passages: how near it is to the question, and how much of
what the question is about it covers.

Everything comes from one encoding of the question, its words and the sentences. The vectors of
single tokens say whether "guests" covers "friends" where the letters do not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agents.evidence.questions import Question, counts, suits
from agents.evidence.sentences import Sentence, sentences_of
from agents.evidence.words import meanings_of, stems_of

Floats = npt.NDArray[np.floating]

# Token vectors of unrelated words have a cosine of 0.2 to 0.3, those of one meaning in like
# sentences 0.7 and more (all-MiniLM-L6-v2, read off the questions named in extraction.py).
UNRELATED = 0.3
SAME = 0.8
# What is asked for and what a number counts: 0.54 and more where it answered, up to 0.5 where not.
COUNTED_OTHER = 0.3
COUNTED_SAME = 0.5
COUNTED_WITHIN = 30  # characters after the number
# Cosines of a word's tokens and all others, over the usual number of these. They stand beside what
# is found, so that few sentences are judged like many.
USUAL_MEAN = 0.07
USUAL_SPREAD = 0.1
USUAL_TOKENS = 600
SHORT_ANSWER = 2  # words: what follows "Yes." is the answer too


class Encoded(NamedTuple):
    """One text as the embedding model sees it.

    `vector` (384): its unit vector. `tokens` (n, 384): the unit vectors of its tokens without the
    special ones, as the last layer gives them; `spans` (n, 2): their offsets in the text.
    """

    vector: Floats
    tokens: Floats
    spans: npt.NDArray[np.int_]


Encode = Callable[[Sequence[str]], Sequence[Encoded]]


class Passage(Protocol):
    """What is read of a passage, best first. `heading` is a path or ""."""

    @property
    def content(self) -> str: ...
    @property
    def heading(self) -> str: ...


@dataclass(frozen=True)
class Evidence:
    """One sentence and what speaks for it.

    `passage` is the number of its passage. Cosines: `nearness` of question and sentence,
    `key_nearness` of the words of the topic and the sentence, `word_nearness` of each such word,
    alone, and the nearest token (the mean). `standing`: by how many standard deviations these
    tokens stand out from those of all sentences. `fit` (-1 to 1): how well the sentence suits the
    kind of question. `covered` (0 to 1, one per word): how much of the topic the sentence or its
    heading covers. `passage_nearness`: that of the passage's best sentence, less that of all.
    """

    passage: int
    sentence: Sentence
    nearness: float
    key_nearness: float
    word_nearness: float
    standing: float
    fit: float
    covered: Floats
    passage_nearness: float


@dataclass(frozen=True)
class Weighed:
    """All sentences, and what holds for them together.

    `covered`: how much of each word of the topic the best of them covers. `missing`: how many of
    these words stand in none, in any form. `is_about_others`: the facts of somebody or something
    are asked for whose name stands in none.
    """

    question: Question
    evidence: list[Evidence]
    covered: Floats
    missing: int
    is_about_others: bool


@dataclass(frozen=True)
class _Line:
    """A sentence with its encoding, and the heading above it."""

    passage: int
    sentence: Sentence
    encoded: Encoded
    heading: "_Line | None"


def weigh(question: Question, passages: Sequence[Passage], *, encode: Encode) -> Weighed:
    """Weigh every sentence of the passages. Calls `encode` once."""
    words = [question.text[start:end].lower() for start, end in question.topic]
    keys = " ".join(question.text[start:end] for start, end in question.topic) or question.text
    found = [_led(sentences_of(passage.content)) for passage in passages]
    texts = [lead + sentence.text for sentences in found for lead, sentence in sentences]
    titles = [passage.heading for passage in passages if passage.heading]
    unique = list(dict.fromkeys([question.text, keys, *words, *texts, *titles]))
    encoded = dict(zip(unique, encode(unique), strict=True))
    lines = [
        line
        for number, (sentences, passage) in enumerate(zip(found, passages, strict=True))
        for line in _lines(number, sentences, passage.heading, encoded)
    ]
    scale = _Scale(question, encoded[question.text], encoded[keys].vector)
    return scale.weigh(lines, [encoded[word].vector for word in words])


def _led(sentences: list[Sentence]) -> list[tuple[str, Sentence]]:
    """Sentences with the question that each answers: what a text asks, as an FAQ does, is read
    together with the beginning of its answer."""
    led = []
    lead = ""
    for sentence in sentences:
        led.append(("" if sentence.is_heading else lead, sentence))
        if sentence.is_heading:
            lead = f"{sentence.text.strip('# ')} " if sentence.text.endswith("?") else ""
        elif len(sentence.text.split()) > SHORT_ANSWER:
            lead = ""
    return led


def _lines(
    passage: int,
    sentences: list[tuple[str, Sentence]],
    title: str,
    encoded: dict[str, Encoded],
) -> list[_Line]:
    above = None
    if title:
        above = _Line(passage, Sentence(0, 0, title, is_heading=True), encoded[title], None)
    lines = []
    for lead, sentence in sentences:
        vector, tokens, spans = encoded[lead + sentence.text]
        if tokens.size:
            line = _Line(passage, sentence, Encoded(vector, tokens, spans - len(lead)), above)
            lines.append(line)
            above = line if sentence.is_heading else above
    return lines


class _Scale:
    """The question's side of the comparison."""

    def __init__(self, question: Question, asked: Encoded, keys: Floats) -> None:
        self.question = question
        self.asked = asked
        self.keys = keys
        self.meanings = [meanings_of(question.text[a:b].lower()) for a, b in question.topic]
        self.rows = [_rows(asked.spans, span) for span in question.topic]
        self.counted = _rows(asked.spans, question.counted) if question.counted else []

    def weigh(self, lines: list[_Line], words: list[Floats]) -> Weighed:
        """Weigh the lines. `words` are the vectors of the words of the topic, each alone."""
        stems = frozenset[str]().union(*(stems_of(line.sentence.text) for line in lines))
        missing = sum(not meaning & stems for meaning in self.meanings)
        others = any(not meanings_of(name) & stems for name in self.question.owners)
        covered = np.zeros(len(self.rows), dtype=np.float32)
        if not lines:
            return Weighed(self.question, [], covered, missing, others)
        likeness = [self.asked.tokens @ line.encoded.tokens.T for line in lines]
        peaks = [self._per_word(matrix.max(axis=1)) for matrix in likeness]
        coverage = [self._covered(line, peak) for line, peak in zip(lines, peaks, strict=True)]
        standing = self._standing(likeness, peaks)
        nearness = [float(line.encoded.vector @ self.asked.vector) for line in lines]
        passage = _best_of_passages(lines, nearness)
        evidence = [
            Evidence(
                passage=line.passage,
                sentence=line.sentence,
                nearness=nearness[n],
                key_nearness=float(line.encoded.vector @ self.keys),
                word_nearness=_mean([float((line.encoded.tokens @ word).max()) for word in words]),
                standing=standing[n],
                fit=self._fit(line, likeness[n]),
                covered=np.maximum(coverage[n], self._covered_above(line)),
                passage_nearness=passage[line.passage] - max(nearness),
            )
            for n, line in enumerate(lines)
        ]
        return Weighed(self.question, evidence, np.max(coverage, axis=0), missing, others)

    def _per_word(self, values: Floats) -> Floats:
        """Values per token of the question, averaged over the tokens of each word of the topic."""
        return np.array([values[rows].mean() if rows else 0.0 for rows in self.rows], np.float32)

    def _standing(self, likeness: Sequence[Floats], peaks: Sequence[Floats]) -> list[float]:
        everything = np.concatenate(likeness, axis=1)
        share = everything.shape[1] / (everything.shape[1] + USUAL_TOKENS)
        mean = share * self._per_word(everything.mean(axis=1)) + (1 - share) * USUAL_MEAN
        spread = share * self._per_word(everything.std(axis=1)) + (1 - share) * USUAL_SPREAD
        return [_mean(((peak - mean) / spread).tolist()) for peak in peaks]

    def _covered(self, line: _Line, peak: Floats) -> Floats:
        """How much of each word of the topic a line covers: wholly if it has the word."""
        stems = stems_of(line.sentence.text)
        has = np.array([bool(meaning & stems) for meaning in self.meanings], dtype=bool)
        return np.where(has, 1.0, np.clip((peak - UNRELATED) / (SAME - UNRELATED), 0.0, 1.0))

    def _covered_above(self, line: _Line) -> Floats:
        above = line.heading
        if above is None or not above.encoded.tokens.size:
            return np.zeros(len(self.rows), dtype=np.float32)
        likeness = self.asked.tokens @ above.encoded.tokens.T
        return self._covered(above, self._per_word(likeness.max(axis=1)))

    def _fit(self, line: _Line, likeness: Floats) -> float:
        """How well a line suits the kind of question; for "how many", what its numbers count."""
        fit = suits(self.question, line.sentence.text)
        if fit <= 0 or not self.counted:
            return float(fit)
        spans = line.encoded.spans
        closest = -1.0
        for start, end in counts(line.sentence.text):
            there = (spans[:, 0] >= start) & (spans[:, 1] <= end + COUNTED_WITHIN)
            if line.sentence.text[:start].rstrip().endswith((":", "|", "=")):
                there |= (spans[:, 0] >= 0) & (spans[:, 1] <= start)
            if there.any():
                closest = max(closest, float(likeness[self.counted][:, there].max(axis=1).mean()))
        scaled = (closest - COUNTED_OTHER) / (COUNTED_SAME - COUNTED_OTHER)
        return float(np.clip(2.0 * scaled - 1.0, -1.0, 1.0))


def _best_of_passages(lines: list[_Line], nearness: list[float]) -> dict[int, float]:
    best: dict[int, float] = {}
    for line, value in zip(lines, nearness, strict=True):
        best[line.passage] = max(best.get(line.passage, -1.0), value)
    return best


def _rows(spans: npt.NDArray[np.int_], span: tuple[int, int]) -> list[int]:
    """The tokens that lie within a span of the text."""
    inside = (spans[:, 0] >= span[0]) & (spans[:, 1] <= span[1])
    return [int(row) for row in np.flatnonzero(inside)]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
