"""Any model that fastembed runs, from a directory on this machine.

The directory is one as published with an ONNX file: `config.json`, the tokenizer's files, and
`model.onnx` in it or in `onnx/`; `1_Pooling/config.json` says how tokens become one vector, else
it is their mean. fastembed is not among the requirements: `pip install fastembed`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from knowledge.embedding.minilm import CAPACITY
from knowledge.embedding.protocol import DIMENSIONS, EmbedderUnavailable, Vectors
from knowledge.embedding.remote import checked

_FILES = ("model.onnx", "model_optimized.onnx", "onnx/model.onnx")
_SPECIAL_TOKENS = 16  # as many, and room for a heading, are left free


def fastembed_embedder(directory: str) -> "FastembedEmbedder":
    """Raises EmbedderUnavailable if fastembed or a file is missing, or the size is another."""
    try:
        from fastembed import TextEmbedding  # type: ignore[import-not-found, unused-ignore]
        from fastembed.common.model_description import (  # type: ignore[import-not-found, unused-ignore]
            ModelSource,
            PoolingType,
        )
    except ImportError:
        raise EmbedderUnavailable(
            "EMBEDDING_MODEL=fastembed:… needs the package fastembed: pip install fastembed."
        ) from None
    path = Path(directory).expanduser()
    name = f"fastembed:{path.name}"
    config = _json(path / "config.json")
    file = next((file for file in _FILES if (path / file).is_file()), None)
    if config is None or file is None:
        raise EmbedderUnavailable(
            f"{path} is no directory of a model: it needs config.json and one of "
            f"{', '.join(_FILES)}."
        )
    size = config.get("hidden_size")
    if size != DIMENSIONS:
        raise EmbedderUnavailable(
            f"{name} gives vectors of {size} numbers: choose a model that gives {DIMENSIONS}."
        )
    pooling = _json(path / "1_Pooling" / "config.json") or {}
    by_first = pooling.get("pooling_mode_cls_token", False)
    known = {model["model"] for model in TextEmbedding.list_supported_models()}
    if name not in known:
        TextEmbedding.add_custom_model(
            model=name,
            pooling=PoolingType.CLS if by_first else PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(url="https://localhost/never-asked"),
            dim=DIMENSIONS,
            model_file=file,
        )
    model = TextEmbedding(name, specific_model_path=str(path), local_files_only=True)
    return FastembedEmbedder(name, model, Tokenizer.from_file(str(path / "tokenizer.json")), config)


class FastembedEmbedder:
    """A model in fastembed, with its own tokenizer for splitting."""

    def __init__(self, name: str, model: Any, tokenizer: Tokenizer, config: dict[str, Any]) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.name = name
        self.tokenizer = tokenizer
        longest = config.get("max_position_embeddings", CAPACITY + _SPECIAL_TOKENS)
        self.capacity = min(CAPACITY, longest - _SPECIAL_TOKENS)
        self._model = model

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        # One text at a time: batches take gigabytes, and are no faster.
        found = list(self._model.passage_embed(list(texts), batch_size=1))
        return checked(found, len(texts), self.name)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = checked(list(self._model.query_embed(text)), 1, self.name)[0]
        return vector


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return None
