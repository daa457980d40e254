"""The narrow tables that search reads: vectors and postings."""

import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField

from knowledge.language import Language
from knowledge.models.documents import DIMENSIONS, DocumentChunk
from tenants.fields import OrganizationField, TenantForeignKey, TenantOneToOneField
from tenants.managers import OrganizationManager
from tenants.models.base import KEY, ROWS
from tenants.rls import CompositeForeignKey

BLOCKS = 2**22  # what a block's number stays below


def any_block():
    """A number for a new block. Drawn, so that two who make one at a time need not wait."""
    return 1 + secrets.randbelow(BLOCKS - 1)


class ChunkEmbedding(models.Model):
    """The unit vector of a chunk, apart from its text so that a scan reads vectors alone.

    It names the chunk's document, so that the scan can leave out what a user may not see.
    """

    organization = OrganizationField(related_name="+")
    chunk = TenantOneToOneField(
        DocumentChunk, models.CASCADE, primary_key=True, related_name="embedding"
    )
    document_id = models.UUIDField()
    embedding = HalfVectorField(dimensions=DIMENSIONS)
    embedding_model = models.CharField(max_length=100)

    objects = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            KEY,
            ROWS,
            CompositeForeignKey("chunk", name="knowledge_chunkembedding_chunk"),
        ]
        indexes = [
            models.Index(
                fields=["organization", "document_id"], name="knowledge_embedding_document"
            )
        ]

    def __str__(self):
        return str(self.chunk_id)


class PostingBlock(models.Model):
    """Some documents of one language whose postings lie together, a few hundred passages.

    Whoever changes its postings holds its row. A document is known in it by a small number, which
    is not given again when the document leaves.
    """

    id = models.PositiveIntegerField(primary_key=True, default=any_block, editable=False)
    organization = OrganizationField(related_name="+")
    language = models.CharField(max_length=20, choices=Language)
    document_count = models.PositiveSmallIntegerField("documents ever", default=0)
    chunk_count = models.PositiveIntegerField(default=0)

    objects = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            KEY,
            ROWS,
            models.CheckConstraint(
                name="knowledge_postingblock_number", condition=Q(id__gt=0, id__lt=BLOCKS)
            ),
        ]

    def __str__(self):
        return f"{self.language} {self.pk}"


class Posting(models.Model):
    """Where in a block a lexeme stands: for each passage a number that `knowledge.postings` packs.

    Found by text equality, which PostgreSQL lets an index answer under row level security.
    """

    pk = models.CompositePrimaryKey("organization", "lexeme", "block")
    # Its block's key holds the organization; checking it again would cost as much as the row.
    organization = OrganizationField(related_name="+", db_constraint=False)
    lexeme = models.TextField()
    block = TenantForeignKey(PostingBlock, models.CASCADE, related_name="+")
    entries = ArrayField(models.BigIntegerField(), default=list)

    objects = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        # No index on the block: the planner could take it for the key, and read all there is for
        # each word. What removes postings looks them up by the words of the passages instead.
        constraints = [ROWS, CompositeForeignKey("block", name="knowledge_posting_block")]

    def __str__(self):
        return f"{self.lexeme} in {self.block_id}"
