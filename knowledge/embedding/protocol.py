"""What every embedder can do, and what holds for every vector."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 384  # of every vector that is stored, whichever model made it


class EmbedderUnavailable(RuntimeError):
    """Texts cannot be embedded now: the reason and what to do about it, in sentences, no secret.

    `may_pass`: a service is busy or not reached, and may do it later as it is asked now.
    """

    def __init__(self, reason: str, *, may_pass: bool = False):
        super().__init__(reason)
        self.may_pass = may_pass


class Embedder(Protocol):
    """What turns texts into vectors. Vectors of different names are never compared.

    An embedder is thread-safe, and works in a process forked after it was loaded.
    """

    @property
    def name(self) -> str:
        """Stored with each vector; at most 100 characters."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts the tokens of a text, for splitting. It cuts nothing off and adds no padding."""
        ...

    @property
    def capacity(self) -> int:
        """The most tokens that a passage should have, its heading not counted."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per passage, as float32 of shape (texts, DIMENSIONS).

        Raises EmbedderUnavailable.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """The unit vector of a question, float32 (DIMENSIONS,). Raises EmbedderUnavailable."""
        ...


def unit(vector: Vectors) -> Vectors:
    """The vector at length 1. Raises ValueError for one of zeros."""
    length = np.linalg.norm(vector)
    if length == 0:
        raise ValueError("a vector of zeros has no direction")
    return (vector / length).astype(np.float32)


def normalized_mean(vectors: Vectors) -> Vectors:
    """The direction vectors of shape (n, dimensions) have in common, at length 1.

    Stands for a whole document. Raises ValueError for no vectors.
    """
    if len(vectors) == 0:
        raise ValueError("no vectors to take the mean of")
    return unit(vectors.mean(axis=0, dtype=np.float32))


def text_to_embed(heading: str, content: str) -> str:
    """What is embedded of a passage: it says what it is about in its heading, often only there."""
    return f"{heading}\n{content}" if heading else content
