import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import knowledge.models
import tenants.audit.triggers
import tenants.context
import tenants.fields
import tenants.rls

LANGUAGES = [
    ("arabic", "Arabic"),
    ("armenian", "Armenian"),
    ("basque", "Basque"),
    ("catalan", "Catalan"),
    ("danish", "Danish"),
    ("dutch", "Dutch"),
    ("english", "English"),
    ("finnish", "Finnish"),
    ("french", "French"),
    ("german", "German"),
    ("greek", "Greek"),
    ("hindi", "Hindi"),
    ("hungarian", "Hungarian"),
    ("indonesian", "Indonesian"),
    ("irish", "Irish"),
    ("italian", "Italian"),
    ("lithuanian", "Lithuanian"),
    ("nepali", "Nepali"),
    ("norwegian", "Norwegian"),
    ("portuguese", "Portuguese"),
    ("romanian", "Romanian"),
    ("russian", "Russian"),
    ("serbian", "Serbian"),
    ("simple", "Simple"),
    ("spanish", "Spanish"),
    ("swedish", "Swedish"),
    ("tamil", "Tamil"),
    ("turkish", "Turkish"),
    ("yiddish", "Yiddish"),
]
AUDITED = (
    "project_id",
    "uploaded_by_id",
    "attachment_of_id",
    "filename",
    "file_type",
    "file_size",
    "sha256",
    "metadata",
    "processing_status",
    "error",
    "is_searchable",
    "is_restricted",
)


def audited(*further):
    return tenants.audit.triggers.Audited(
        columns=AUDITED + further, content=True, name="knowledge_document_audit", title="filename"
    )


# Postings are made from chunks; going back, those of the schema before.
_WORDS = """
    FROM knowledge_documentchunk chunk
    JOIN knowledge_document document
        ON document.organization_id = chunk.organization_id AND document.id = chunk.document_id
    CROSS JOIN LATERAL
        to_tsvector('english', chunk.heading || E'\\n' || chunk.content) AS words
    CROSS JOIN LATERAL unnest(words) AS word
    CROSS JOIN LATERAL (SELECT sum(cardinality(positions)) FROM unnest(words)) AS total(length)
"""
FILL_BACK = [
    f"""
    INSERT INTO knowledge_posting
        (organization_id, lexeme, chunk_id, document_id, frequency, length)
    SELECT chunk.organization_id, word.lexeme, chunk.id, chunk.document_id,
        cardinality(word.positions), total.length
    {_WORDS}
    """,
    """
    UPDATE knowledge_document document SET lexeme_count = posted.lexemes FROM (
        SELECT organization_id, document_id, sum(frequency) AS lexemes FROM knowledge_posting
        GROUP BY organization_id, document_id
    ) posted
    WHERE document.organization_id = posted.organization_id AND document.id = posted.document_id
    """,
]


class Migration(migrations.Migration):
    """Postings lie in blocks of documents, which takes a fifth of the room, each of a language.

    They are made anew from the passages. While this runs nothing is searched or read; what the code
    before it then fails to read is taken up again by the code after it.
    """

    dependencies = [
        ("knowledge", "0007_attachments"),
    ]

    operations = [
        migrations.RunSQL(migrations.RunSQL.noop, FILL_BACK),
        migrations.DeleteModel(name="Posting"),
        migrations.AddField(
            model_name="document",
            name="language",
            field=models.CharField(
                choices=LANGUAGES,
                db_default="english",
                default="english",
                help_text="How its words are brought to their stems.",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="document",
            name="is_language_chosen",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Somebody chose the language; else it is told from the content.",
            ),
        ),
        migrations.AddField(
            model_name="document",
            name="place",
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.RemoveConstraint(model_name="document", name="knowledge_document_audit"),
        migrations.AddConstraint(model_name="document", constraint=audited("language")),
        migrations.CreateModel(
            name="PostingBlock",
            fields=[
                (
                    "id",
                    models.PositiveIntegerField(
                        default=knowledge.models.any_block,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("language", models.CharField(choices=LANGUAGES, max_length=20)),
                (
                    "document_count",
                    models.PositiveSmallIntegerField(default=0, verbose_name="documents ever"),
                ),
                ("chunk_count", models.PositiveIntegerField(default=0)),
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
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    tenants.rls.OrganizationKey(name="knowledge_postingblock_key"),
                    tenants.rls.RowSecurity(name="knowledge_postingblock_rows"),
                    models.CheckConstraint(
                        condition=models.Q(("id__gt", 0), ("id__lt", 4194304)),
                        name="knowledge_postingblock_number",
                    ),
                ],
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
                        "block",
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
                    "block",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="knowledge.postingblock",
                    ),
                ),
                (
                    "entries",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
            ],
            options={
                "base_manager_name": "objects",
                "indexes": [],
                "constraints": [
                    tenants.rls.RowSecurity(name="knowledge_posting_rows"),
                    tenants.rls.CompositeForeignKey("block", name="knowledge_posting_block"),
                ],
            },
        ),
    ]
