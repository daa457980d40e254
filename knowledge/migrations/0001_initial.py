import django.db.models.deletion
import django.db.models.manager
import pgvector.django.halfvec
import pgvector.django.vector
from django.conf import settings
from django.db import migrations, models

import common.ids
import knowledge.keys
import knowledge.models
import tenants.context
import tenants.fields
import tenants.rls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="documents",
                        to="tenants.organization",
                    ),
                ),
                (
                    "project",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="documents",
                        to="tenants.project",
                    ),
                ),
                (
                    "uploaded_by",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("filename", models.CharField(max_length=255)),
                (
                    "file",
                    models.FileField(
                        blank=True, max_length=255, upload_to=knowledge.models.file_path
                    ),
                ),
                ("file_type", models.CharField(max_length=50)),
                ("file_size", models.PositiveBigIntegerField(verbose_name="size in bytes")),
                ("sha256", models.CharField(editable=False, max_length=64)),
                (
                    "content",
                    models.TextField(editable=False, null=True, verbose_name="extracted text"),
                ),
                ("page_count", models.PositiveIntegerField(editable=False, null=True)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                (
                    "embedding",
                    pgvector.django.vector.VectorField(dimensions=384, editable=False, null=True),
                ),
                ("embedding_model", models.CharField(blank=True, editable=False, max_length=100)),
                ("is_processed", models.BooleanField(default=False, editable=False)),
                (
                    "processing_status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("processing", "Processing"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        editable=False,
                        max_length=50,
                    ),
                ),
                ("chunk_count", models.PositiveIntegerField(default=0, editable=False)),
                ("lexeme_count", models.PositiveIntegerField(default=0, editable=False)),
                ("error", models.TextField(blank=True, editable=False)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("is_searchable", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "project"], name="knowledge_document_by_project"
                    ),
                    models.Index(
                        fields=["organization", "sha256"], name="knowledge_document_by_sha256"
                    ),
                    models.Index(
                        condition=models.Q(
                            ("is_deleted", False),
                            ("processing_status__in", ["pending", "processing"]),
                        ),
                        fields=["organization", "id"],
                        name="knowledge_document_waiting",
                    ),
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="knowledge_document_key"),
                    tenants.rls.RowSecurity(name="knowledge_document_rows"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="knowledge_document_deletion",
                    ),
                    tenants.rls.CompositeForeignKey("project", name="knowledge_document_project"),
                    tenants.rls.CompositeForeignKey(
                        "uploaded_by", name="knowledge_document_uploaded_by"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("chunk_count__gt", 0),
                                ("content__isnull", False),
                                ("embedding__isnull", False),
                                ("is_processed", True),
                                ("processing_status", "completed"),
                            ),
                            models.Q(
                                ("is_processed", False),
                                models.Q(("processing_status", "completed"), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="knowledge_document_completed",
                        violation_error_message="A completed document has its chunks and its embedding.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "processing_status__in",
                                ["pending", "processing", "completed", "failed"],
                            )
                        ),
                        name="knowledge_document_status",
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="DocumentChunk",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "document",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chunks",
                        to="knowledge.document",
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                ("page", models.PositiveIntegerField(null=True)),
                ("heading", models.TextField(blank=True)),
                ("start", models.PositiveIntegerField()),
                ("end", models.PositiveIntegerField()),
                ("content", models.TextField()),
            ],
            options={
                "verbose_name": "chunk",
                "ordering": ["document", "position"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "constraints": [
                    tenants.rls.OrganizationKey(name="knowledge_documentchunk_key"),
                    tenants.rls.RowSecurity(name="knowledge_documentchunk_rows"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="knowledge_documentchunk_deletion",
                    ),
                    tenants.rls.CompositeForeignKey(
                        "document", name="knowledge_documentchunk_document"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("organization", "document", "position"),
                        name="knowledge_documentchunk_position",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("end__gt", models.F("start"))),
                        name="knowledge_documentchunk_span",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("page", None), ("page__gte", 1), _connector="OR"),
                        name="knowledge_documentchunk_page",
                    ),
                ],
                "indexes": [],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="ChunkEmbedding",
            fields=[
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "chunk",
                    tenants.fields.TenantOneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="embedding",
                        serialize=False,
                        to="knowledge.documentchunk",
                    ),
                ),
                ("document_id", models.UUIDField()),
                ("embedding", pgvector.django.halfvec.HalfVectorField(dimensions=384)),
                ("embedding_model", models.CharField(max_length=100)),
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    tenants.rls.OrganizationKey(name="knowledge_chunkembedding_key"),
                    tenants.rls.RowSecurity(name="knowledge_chunkembedding_rows"),
                    tenants.rls.CompositeForeignKey("chunk", name="knowledge_chunkembedding_chunk"),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "lexeme",
                        "chunk",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_constraint=False,
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                ("lexeme", models.TextField()),
                (
                    "chunk",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="knowledge.documentchunk",
                    ),
                ),
                ("document_id", models.UUIDField()),
                ("frequency", models.PositiveSmallIntegerField()),
                ("length", models.PositiveSmallIntegerField()),
            ],
            options={
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "chunk"], name="knowledge_posting_by_chunk"
                    )
                ],
                "constraints": [
                    tenants.rls.RowSecurity(name="knowledge_posting_rows"),
                    knowledge.keys.CoveringKey(
                        include=("document_id", "frequency", "length"), name="knowledge_posting_key"
                    ),
                    tenants.rls.CompositeForeignKey("chunk", name="knowledge_posting_chunk"),
                ],
            },
        ),
    ]
