from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What finds the vectors of few documents, and what a search asks of every document."""

    atomic = False  # indexes on large tables are built while these are written to

    dependencies = [
        ("knowledge", "0009_fill_posting_blocks"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="chunkembedding",
            index=models.Index(
                fields=["organization", "document_id"], name="knowledge_embedding_document"
            ),
        ),
        AddIndexConcurrently(
            model_name="document",
            index=models.Index(
                condition=models.Q(
                    ("is_deleted", False),
                    ("is_searchable", True),
                    ("processing_status", "completed"),
                ),
                fields=["organization", "id"],
                include=(
                    "project",
                    "is_restricted",
                    "chunk_count",
                    "lexeme_count",
                    "file_type",
                    "created_at",
                    "embedding_model",
                    "filename",
                    "place",
                    "language",
                ),
                name="knowledge_document_searchable",
            ),
        ),
    ]
