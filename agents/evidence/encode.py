"""Texts as the local embedding model sees them, token by token.

It is always the local one, whichever model embeds documents: weights fit the model they were
fitted to (agents.providers.extraction).
"""

from collections.abc import Sequence

import numpy as np

from agents.evidence.weigh import Encoded
from knowledge.embedding.minilm import Tokens, local_embedder


def encode(texts: Sequence[str]) -> list[Encoded]:
    """One Encoded per text, in order; only its first tokens count (MAX_TOKENS). Thread-safe.

    Raises EmbedderUnavailable if the model is missing.
    """
    return [_encoded(tokens) for tokens in local_embedder().tokens(texts)]


def _encoded(tokens: Tokens) -> Encoded:
    own = tokens.hidden[1:-1]  # without the special ones at both ends
    return Encoded(
        vector=tokens.vector,
        tokens=own / np.linalg.norm(own, axis=1, keepdims=True),
        spans=np.array(tokens.spans[1:-1], dtype=np.int_).reshape(-1, 2),
    )
