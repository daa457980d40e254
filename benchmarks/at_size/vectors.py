"""Vectors as an embedder makes them, as many as wanted.

Sentences of Cranfield are embedded. Each further vector lies between two sentences of one document
and is moved by the difference of two others: so it is near its topic, and what spreads it are the
directions in which real sentences differ, not all 384 alike, which would be harder than life.
"""

import re
from pathlib import Path

import numpy as np

SENTENCES = 3_000
SPREAD = (0.35, 0.75)  # how far a vector is moved, times the difference of two sentences


def cranfield(path: Path) -> list[list[str]]:
    """The sentences of each document."""
    documents = []
    for record in re.split(r"^\.I \d+\s*$", path.read_text(), flags=re.MULTILINE)[1:]:
        text = re.sub(r"\s+", " ", record.partition("\n.W\n")[2])
        documents.append([s.strip() for s in text.split(" . ") if len(s.split()) > 6])
    return [sentences for sentences in documents if len(sentences) > 1]


def questions(path: Path) -> list[str]:
    records = re.split(r"^\.I \d+\s*$", path.read_text(), flags=re.MULTILINE)[1:]
    return [re.sub(r"\s+", " ", record.partition("\n.W\n")[2]).strip() for record in records]


class Vectors:
    """Draws unit vectors, float32 (n, 384), from the embedded sentences of documents."""

    def __init__(self, documents: list[list[str]], embed, random: np.random.Generator) -> None:
        self.random = random
        texts: list[str] = []
        topics: list[int] = []
        for topic, sentences in enumerate(documents):
            if len(texts) >= SENTENCES:
                break
            texts += sentences
            topics += [topic] * len(sentences)
        self.sentences = embed(texts)
        starts = np.searchsorted(topics, np.arange(max(topics) + 2))
        self.first, self.count = starts[:-1], np.diff(starts)

    def draw(self, documents: np.ndarray) -> np.ndarray:
        """One vector for each entry: the number of the document it is a passage of."""
        n, random = len(documents), self.random
        # A document of ours speaks of three topics.
        topic = (documents * 7919 + random.integers(0, 3, n) * 104729) % len(self.first)
        one, other = (
            self.sentences[self.first[topic] + random.integers(0, self.count[topic])]
            for _ in range(2)
        )
        share = random.random((n, 1), dtype=np.float32)
        apart = self._any(n) - self._any(n)
        moved = random.uniform(*SPREAD, (n, 1)).astype(np.float32) * apart
        found = share * one + (1 - share) * other + moved
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def _any(self, n: int) -> np.ndarray:
        return self.sentences[self.random.integers(0, len(self.sentences), n)]
