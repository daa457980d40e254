"""What embedders that ask somebody else have in common: parts, checks, lengths."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from knowledge.embedding.minilm import CAPACITY
from knowledge.embedding.minilm.files import load_tokenizer
from knowledge.embedding.protocol import DIMENSIONS, EmbedderUnavailable, Vectors

Purpose = Literal["passage", "query"]
Ask = Callable[[Sequence[str], Purpose], Any]

# No tokenizer of these services makes more tokens than a text has bytes, and gemini-embedding-001,
# which takes the fewest, takes so many. A passage of 240 tokens has some 1,200.
MAX_BYTES = 2_048
# For one answer; and how often, with pauses that double, a service is asked that is busy or fails
# (408, 429, 5xx). Somebody waits for what a question finds, nobody for a passage.
SECONDS: dict[Purpose, float] = {"passage": 30.0, "query": 10.0}
ATTEMPTS: dict[Purpose, int] = {"passage": 5, "query": 2}


class RemoteEmbedder:
    """A model that somebody else runs. Only the first MAX_BYTES of a text count.

    Passages are as long as those of the local model, counted by its tokenizer: what the service
    counts by is not here, and passages need not change when the model does.
    """

    capacity = CAPACITY

    def __init__(self, name: str, ask: Ask, *, at_once: int) -> None:
        """`ask` gets up to `at_once` texts and returns as many lists of numbers."""
        self.name = name
        self.tokenizer = load_tokenizer()
        self._ask = ask
        self._at_once = at_once

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        return np.concatenate([self._vectors(part, "passage") for part in self._parts(texts)])

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._vectors([text], "query")[0]
        return vector

    def _parts(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        for at in range(0, len(texts), self._at_once):
            yield texts[at : at + self._at_once]

    def _vectors(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        # An empty text is refused by most; a space has a direction like any other.
        asked = [_start(text) or " " for text in texts]
        try:
            answer = self._ask(asked, purpose)
        except (
            AttributeError,
            TypeError,
            ValueError,
        ):  # clients take what comes for what they know
            answer = None
        return checked(answer, len(texts), self.name)


def checked(answer: Any, texts: int, name: str) -> Vectors:
    """The vectors of an answer at length 1. Raises EmbedderUnavailable for any other shape."""
    try:
        vectors = np.array(answer, dtype=np.float32)
    except (TypeError, ValueError):
        vectors = np.empty(0, dtype=np.float32)
    if vectors.ndim == 2 and len(vectors) == texts and vectors.shape[1] != DIMENSIONS:
        raise EmbedderUnavailable(
            f"{name} gives vectors of {vectors.shape[1]} numbers, also when it is asked for"
            f" {DIMENSIONS}: choose a model that can give {DIMENSIONS}."
        )
    if vectors.shape != (texts, DIMENSIONS):
        raise EmbedderUnavailable(f"{name} does not answer with one vector for each text.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise EmbedderUnavailable(f"{name} answers with a vector that has no direction.")
    unit_vectors: Vectors = vectors / lengths
    return unit_vectors


def refused(name: str, status: int | None) -> EmbedderUnavailable:
    """What a status means, None for no answer. A service's own words may hold the key."""
    if status is None:
        said = "does not answer: is EMBEDDING_BASE_URL right, and the network there?"
    elif status in (401, 403):
        said = f"refuses the key (status {status}): correct EMBEDDING_API_KEY."
    elif status == 404:
        said = "is not known there (status 404): correct EMBEDDING_MODEL or EMBEDDING_BASE_URL."
    elif status == 429 or status >= 500:
        said = f"is busy or out of order (status {status}): try again later."
    else:
        said = f"refuses to embed (status {status}): can it give vectors of {DIMENSIONS} numbers?"
    may_pass = status is None or status == 429 or status >= 500
    return EmbedderUnavailable(f"{name} {said}", may_pass=may_pass)


def _start(text: str) -> str:
    return text.encode(errors="replace")[:MAX_BYTES].decode(errors="ignore")
