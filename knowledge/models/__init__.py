from knowledge.models.documents import (
    DIMENSIONS,
    Document,
    DocumentChunk,
    DocumentQuerySet,
    DocumentRoleGrant,
    DocumentUserGrant,
    file_path,
)
from knowledge.models.search import BLOCKS, ChunkEmbedding, Posting, PostingBlock, any_block

__all__ = [
    "BLOCKS",
    "DIMENSIONS",
    "ChunkEmbedding",
    "Document",
    "DocumentChunk",
    "DocumentQuerySet",
    "DocumentRoleGrant",
    "DocumentUserGrant",
    "Posting",
    "PostingBlock",
    "any_block",
    "file_path",
]
