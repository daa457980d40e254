"""Rows for tests. Each belongs to the organization acted for."""

from itertools import count

from model_bakery.recipe import Recipe, foreign_key

from knowledge.models import Document, DocumentChunk

_number = count(1)

document = Recipe(
    Document,
    filename=lambda: f"document-{next(_number)}.txt",
    file_type="txt",
    file_size=100,
    sha256="0" * 64,
    content="The quick brown fox jumps over the lazy dog.",
    metadata=dict,
)

chunk = Recipe(
    DocumentChunk,
    document=foreign_key(document),
    position=lambda: next(_number),
    page=None,
    start=0,
    end=44,
    content="The quick brown fox jumps over the lazy dog.",
)
