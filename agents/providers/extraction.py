"""Answer a question with exact quotes from passages, or decline: what `extractive` does.

Every sentence of the passages is weighed (agents.evidence.weigh). RANKING picks the best, ANSWERING
says whether it answers at all. No language model, no network, no chance: the same question and
passages give the same answer.

Where the numbers come from: two logistic regressions (softmax over the sentences of a question;
yes or no, ridge 2) on 14 corpora with 372 questions that they answer and 428 that they do not, most
of these about the same subject: handbooks, contracts, manuals, policies, an encyclopedia article,
two Debian manuals in PDF and docs/samples. With each corpus left out in turn, 87 percent of the
first were answered from the right page and 92 percent of the others declined. On three corpora not
looked at before (two texts, a PDF manual of 73 pages) it was 90 and 87 percent of 59 and 71. A BIAS
higher by 0.2 shifts one to two points from the second to the first. The numbers fit
all-MiniLM-L6-v2; another model needs its own. Our own questions are in agents/tests/answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from agents.evidence.questions import Question
from agents.evidence.weigh import Encode, Evidence, Passage, Weighed, weigh
from agents.evidence.words import words_of

RANKING = {
    "nearness": 11.19,
    "key_nearness": -6.81,  # negative: nearer to the question than to its subject alone
    "word_nearness": -7.18,
    "standing": 0.51,
    "nearness_if_fit": 4.55,
    "covered": 5.98,
    "passage_nearness": 8.08,
    "is_short": -0.76,
}
ANSWERING = {
    "nearness": 2.46,
    "word_nearness": -0.45,
    "score": 0.58,
    "certainty": 0.91,
    "asks_for_kind": -1.79,  # offset by "nearness_if_fit" in the score where the kind is there
    "least_covered": 1.58,
    "mean_covered": 1.43,
    "missing": 0.58,  # positive: what is missing is already not covered, and forgiven in part
    "is_about_others": -2.63,
}
BIAS = -5.75
SHORT = 7  # words
HEADING = 50.0  # what a heading's score is less by: it is no answer unless there is nothing else

NOTHING_FOUND = (
    "Nothing in the documents that you may read answers this question. No language model was used."
)
FOUND = "The documents that you may read say:"
EXACT = "These are exact quotes. No language model was used."

LONGEST_QUESTION = 1_000  # characters
MOST_QUOTES = 3
ALSO_GOOD = 1.0  # a sentence this close to the best score is quoted too; natural logarithm of odds
LONGEST_QUOTE = 3  # sentences
# Words at the beginning of a sentence that point to the one before.
POINTERS = frozenset(
    {"he", "her", "his", "it", "its", "she", "that", "their", "these", "they", "this"}
)


class Source(Passage, Protocol):
    """A passage that can be cited. `page` counts from 1 and is None where there are no pages."""

    @property
    def filename(self) -> str: ...
    @property
    def page(self) -> int | None: ...


P = TypeVar("P", bound=Source)


@dataclass(frozen=True)
class Quote(Generic[P]):
    """`text` is exactly `passage.content[start:end]`."""

    passage: P
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Extraction(Generic[P]):
    """The quotes that answer a question, the best first; none means it was declined.

    `odds` is the natural logarithm of the odds that the best sentence answers; above 0 it is given.
    """

    quotes: list[Quote[P]]
    odds: float


@dataclass(frozen=True)
class Citation(Generic[P]):
    """What "[number]" in the text stands for."""

    number: int
    passage: P
    quote: str


def extract(
    question: str, passages: Sequence[P], *, encode: Encode, organization: str = ""
) -> Extraction[P]:
    """Quote the sentences that answer a question. `passages` are the best of a search, best first.

    `organization` is the name of the asker's own: the passages need not say it. `encode` is called
    at most once, with the question, its words and all sentences.
    """
    asked = Question.of(question[:LONGEST_QUESTION], known=frozenset(words_of(organization)))
    if not asked.topic or not passages:
        return Extraction([], -np.inf)
    weighed = weigh(asked, passages, encode=encode)
    if not weighed.evidence:
        return Extraction([], -np.inf)
    scores = _scores(weighed)
    odds = _odds(weighed, scores)
    if odds <= 0:
        return Extraction([], odds)
    return Extraction(_quotes(passages, weighed.evidence, scores), odds)


def compose(extraction: Extraction[P]) -> tuple[str, list[Citation[P]]]:
    """The text of the reply in plain words, and what its numbers cite."""
    if not extraction.quotes:
        return NOTHING_FOUND, []
    citations = [
        Citation(number, quote.passage, quote.text)
        for number, quote in enumerate(extraction.quotes, start=1)
    ]
    quotes = [f"[{c.number}] {_place(c.passage)}: “{c.quote}”" for c in citations]
    return "\n\n".join([FOUND, *quotes, EXACT]), citations


def _place(passage: Source) -> str:
    return passage.filename if passage.page is None else f"{passage.filename}, page {passage.page}"


def _scores(weighed: Weighed) -> np.ndarray:
    """How good each sentence is as the answer; differences are logarithms of odds."""
    scores = []
    for evidence in weighed.evidence:
        signals = {
            "nearness": evidence.nearness,
            "key_nearness": evidence.key_nearness,
            "word_nearness": evidence.word_nearness,
            "standing": evidence.standing,
            "nearness_if_fit": evidence.nearness if evidence.fit > 0 else 0.0,
            "covered": float(evidence.covered.mean()),
            "passage_nearness": evidence.passage_nearness,
            "is_short": float(len(evidence.sentence.text.split()) < SHORT),
        }
        score = sum(RANKING[name] * value for name, value in signals.items())
        scores.append(score - HEADING * evidence.sentence.is_heading)
    return np.array(scores)


def _odds(weighed: Weighed, scores: np.ndarray) -> float:
    """The logarithm of the odds that the best sentence answers the question."""
    if all(evidence.sentence.is_heading for evidence in weighed.evidence):
        scores = scores + HEADING
    best = int(scores.argmax())
    signals = {
        "nearness": weighed.evidence[best].nearness,
        "word_nearness": weighed.evidence[best].word_nearness,
        "score": float(scores[best]),
        "certainty": -float(np.log(np.exp(scores - scores[best]).sum())),
        "asks_for_kind": float(weighed.question.kind not in ("", "yes or no")),
        "least_covered": float(weighed.covered.min()),
        "mean_covered": float(weighed.covered.mean()),
        "missing": float(weighed.missing),
        "is_about_others": float(weighed.is_about_others),
    }
    return BIAS + sum(ANSWERING[name] * value for name, value in signals.items())


def _quotes(
    passages: Sequence[P], evidence: Sequence[Evidence], scores: np.ndarray
) -> list[Quote[P]]:
    """The best sentences, each with what it needs to be understood; neighbours become one quote."""
    order = np.argsort(-scores, kind="stable")
    good = [int(n) for n in order if scores[n] >= scores[order[0]] - ALSO_GOOD]
    spans: list[tuple[int, int]] = []
    for number in good[:MOST_QUOTES]:
        first, last = _understandable(evidence, number)
        touching = [s for s in spans if _touch(evidence, s, (first, last))]
        if not touching:
            spans.append((first, last))
        elif max(last, touching[0][1]) - min(first, touching[0][0]) < LONGEST_QUOTE:
            whole = (min(first, touching[0][0]), max(last, touching[0][1]))
            spans[spans.index(touching[0])] = whole
    return [_quote(passages, evidence, first, last) for first, last in spans]


def _understandable(evidence: Sequence[Evidence], number: int) -> tuple[int, int]:
    """The first and last sentence of the quote around a sentence."""
    first = last = number
    words = words_of(evidence[number].sentence.text)
    if words and words[0] in POINTERS and _follows(evidence, number):
        first -= 1
    if len(words) <= 2 and number + 1 < len(evidence) and _follows(evidence, number + 1):
        last += 1
    if evidence[number].sentence.text.endswith(":"):
        while last - first + 1 < LONGEST_QUOTE and last + 1 < len(evidence):
            if not _follows(evidence, last + 1):
                break
            last += 1
    return first, last


def _follows(evidence: Sequence[Evidence], number: int) -> bool:
    """Whether a sentence continues the one before, in the same passage and under no new heading."""
    if number == 0 or evidence[number - 1].passage != evidence[number].passage:
        return False
    return not (evidence[number - 1].sentence.is_heading or evidence[number].sentence.is_heading)


def _touch(evidence: Sequence[Evidence], one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two quotes overlap or are neighbours."""
    (_, end), (start, _) = sorted([one, other])
    return end >= start or (end + 1 == start and _follows(evidence, start))


def _quote(passages: Sequence[P], evidence: Sequence[Evidence], first: int, last: int) -> Quote[P]:
    passage = passages[evidence[first].passage]
    start, end = evidence[first].sentence.start, evidence[last].sentence.end
    return Quote(passage, start, end, passage.content[start:end])
