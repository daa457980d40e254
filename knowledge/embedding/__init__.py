"""Texts to vectors: by the model that runs here, or by one that EMBEDDING_MODEL names."""

from knowledge.embedding.choice import check_choice, embedder
from knowledge.embedding.protocol import (
    DIMENSIONS,
    Embedder,
    EmbedderUnavailable,
    Vectors,
    normalized_mean,
    text_to_embed,
)

__all__ = [
    "DIMENSIONS",
    "Embedder",
    "EmbedderUnavailable",
    "Vectors",
    "check_choice",
    "embedder",
    "normalized_mean",
    "text_to_embed",
]
