"""Texts as the local embedding model sees them, token by token."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from agents.evidence.weigh import Encoded
from knowledge.ingestion.embed import MAX_CHARACTERS, MAX_TOKENS, MiniLMEmbedder, local_embedder


def encode(texts: Sequence[str]) -> list[Encoded]:
    """One Encoded per text, in order; only its first MAX_TOKENS count. Thread-safe.

    Each text is a run of its own, as in knowledge.ingestion.embed, so that no text depends on its
    neighbours. Raises RuntimeError if the model is missing.
    """
    embedder = local_embedder()
    if not isinstance(embedder, MiniLMEmbedder):
        raise RuntimeError(f"{embedder.name} does not show its tokens, which quoting needs.")
    with ThreadPoolExecutor(_cores()) as pool:  # an idle one would not survive a fork
        return list(pool.map(lambda text: _encode(embedder, text), texts))


def _encode(embedder: MiniLMEmbedder, text: str) -> Encoded:
    encoding = embedder.tokenizer.encode(text[:MAX_CHARACTERS])
    kept = min(len(encoding.ids), MAX_TOKENS) - 2  # without the special ones at both ends
    tokens = np.array([[encoding.ids[0], *encoding.ids[1 : kept + 1], encoding.ids[-1]]])
    inputs = {
        "input_ids": tokens,
        "attention_mask": np.ones_like(tokens),
        "token_type_ids": np.zeros_like(tokens),
    }
    (hidden,) = embedder._session.run(["last_hidden_state"], inputs)  # (1, tokens, 384)
    mean = hidden[0].mean(axis=0)
    own = hidden[0][1:-1]
    return Encoded(
        vector=mean / np.linalg.norm(mean),
        tokens=own / np.linalg.norm(own, axis=1, keepdims=True),
        spans=np.array(encoding.offsets[1 : kept + 1], dtype=np.int_).reshape(-1, 2),
    )


def _cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
