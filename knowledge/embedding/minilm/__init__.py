"""The model that runs here: all-MiniLM-L6-v2, with 8-bit integers, in onnxruntime.

The model (sentence-transformers/all-MiniLM-L6-v2) comes in a package of its own, its tokenizer lies
beside this file. It was trained on English; other languages work less well.
"""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import orjson
from tokenizers import Tokenizer

from knowledge.embedding.minilm.files import QUANTIZED_SHA256, load_tokenizer, loadable_model
from knowledge.embedding.protocol import DIMENSIONS, EmbedderUnavailable, Vectors, unit

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]

NAME = "all-MiniLM-L6-v2-quantized"
MAX_TOKENS = 256  # with the two special ones; the model was trained on no more
MAX_CHARACTERS = 20_000  # what follows would only be tokenized to be thrown away
# In tokens. The room that is left is for the two special ones, and for a heading that would else be
# alone, because the text under it fills a passage.
CAPACITY = 240

_PROBES_FILE = Path(__file__).parent / "probes.json"
_NEAR_ENOUGH = 0.98  # cosine to the original model; integers that overflow give less than 0.9

_loading = Lock()
_T = TypeVar("_T")


@dataclass(frozen=True)
class Tokens:
    """A text token by token, as the model sees it, at most MAX_TOKENS.

    `hidden` has a row for each token, float32 (tokens, DIMENSIONS), not of unit length; `spans` is
    where each stands in the text, in characters. First and last are the special ones.
    """

    hidden: Vectors
    spans: Sequence[tuple[int, int]]

    @property
    def vector(self) -> Vectors:
        """The mean of the token vectors, at length 1; the model card calls this mean pooling."""
        return unit(self.hidden.mean(axis=0))


class MiniLMEmbedder:
    """all-MiniLM-L6-v2 with int8 weights. Only the first MAX_TOKENS of a text count.

    Each text is one run of its own: batches were no faster, took three times the memory, and a
    text's vector would depend on its neighbours. The runs go side by side, one thread to a core,
    through one session, whose weights they share.
    """

    name = NAME
    capacity = CAPACITY

    def __init__(self, session: "InferenceSession", tokenizer: Tokenizer) -> None:
        """The session must run on the calling thread."""
        self.tokenizer = tokenizer
        self._session = session
        self._truncating = Tokenizer.from_str(tokenizer.to_str())
        self._truncating.enable_truncation(MAX_TOKENS)

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = self._each(lambda text: self._tokens(text).vector, texts)
        return np.array(vectors, dtype=np.float32).reshape(len(texts), DIMENSIONS)

    def embed_query(self, text: str) -> Vectors:
        return self._tokens(text).vector

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """What `embed` takes the means of, for who compares parts of texts."""
        return self._each(self._tokens, texts)

    def _each(self, function: Callable[[str], _T], texts: Sequence[str]) -> list[_T]:
        if len(texts) < 2:
            return [function(text) for text in texts]
        # A pool for each call, because an idle one would not survive a fork.
        with ThreadPoolExecutor(min(_cores(), len(texts))) as pool:
            return list(pool.map(function, texts))

    def _tokens(self, text: str) -> Tokens:
        encoding = self._truncating.encode(text[:MAX_CHARACTERS])
        inputs = {"input_ids": np.array([encoding.ids], dtype=np.int64)}
        (hidden,) = self._session.run(["last_hidden_state"], inputs)  # (1, tokens, 384)
        return Tokens(hidden[0], encoding.offsets)


def local_embedder() -> MiniLMEmbedder:
    """The local model, loaded at the first call in a process (some 0.3 s, about 100 MB).

    Raises EmbedderUnavailable, saying what to do, if the model cannot be had.
    """
    with _loading:
        return _load_embedder()


@cache
def _load_embedder() -> MiniLMEmbedder:
    """With the first kind of weights that this processor computes right."""
    # Imported here: most commands and requests never embed, and it takes 0.1 s and 20 MB.
    from onnxruntime import InferenceSession, SessionOptions

    tokenizer = load_tokenizer()
    options = SessionOptions()
    options.intra_op_num_threads = 1  # the calling thread: runs go side by side instead
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # one is kept for each length that comes along
    for weights in QUANTIZED_SHA256:
        with loadable_model(weights) as model:
            session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
        embedder = MiniLMEmbedder(session, tokenizer)
        if _is_right(embedder):
            return embedder
    raise EmbedderUnavailable(
        "This processor computes the embedding model wrongly: name another with EMBEDDING_MODEL."
    )


def _is_right(embedder: MiniLMEmbedder) -> bool:
    """Whether texts get about the vectors that the original model, in float32, gives them."""
    probes = orjson.loads(_PROBES_FILE.read_bytes())
    expected = np.array(probes["vectors"], dtype=np.float32)
    cosines = (embedder.embed(probes["texts"]) * expected).sum(axis=1)
    return bool(cosines.min() > _NEAR_ENOUGH)


def _cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
