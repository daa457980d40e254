"""Documents and their passages."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from pgvector.django import VectorField

from knowledge.language import Language
from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField, TenantForeignKey
from tenants.grants import (
    CHANGE,
    EVERYTHING,
    NOTHING,
    VIEW,
    Grantable,
    GrantableQuerySet,
    granted,
)
from tenants.managers import AllManager, LivingManager
from tenants.models import Project
from tenants.models.base import OrganizationOwned, deleted_rows
from tenants.models.grant import RoleGrant, UserGrant
from tenants.permissions import Permissions
from tenants.rls import CompositeForeignKey

DIMENSIONS = 384


def file_path(document, filename):
    """Where a document's file lies: named by ids, never by what a client called it."""
    return f"{document.organization_id}/{document.pk}"


class DocumentQuerySet(GrantableQuerySet):
    def reach(self, user):
        """The organization's own and those of the projects that a user sees, the restricted apart;
        all of them for those who may read all."""
        if not user.has_perm(Permissions.DOCUMENTS_VIEW):
            return NOTHING
        if user.has_perm(Permissions.DOCUMENTS_VIEW_ALL):
            return EVERYTHING
        projects = Project.objects.visible_to(user).order_by().values("pk")
        return Q(is_restricted=False) & (Q(project=None) | Q(project__in=projects))

    def at_hand_in(self, project, user):
        """What a user has at hand in a project: its own documents, those of the whole organization,
        and those granted to the user."""
        there = Q(project=None) | Q(project=project)
        return self.filter(there | granted(self.model, user, VIEW))

    def claimed_by(self, run):
        """The row of the document that a run holds, as long as it is living and no other run has
        claimed it."""
        return self.filter(
            pk=run.pk, processing_status=Document.Status.PROCESSING, attempts=run.attempts
        )

    def searchable(self):
        return self.filter(is_searchable=True, processing_status=Document.Status.COMPLETED)


class Document(Grantable, OrganizationOwned):
    """A file an organization can search. Its passages lie in chunks; its status says how far
    reading got. With no project it belongs to the whole organization. A restricted one is for those
    to whom it is granted, and for those who may read every document."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PROCESSING = "processing"
        COMPLETED = "completed"
        FAILED = "failed"

    organization = OrganizationField(related_name="documents")
    project = TenantForeignKey(
        "tenants.Project", models.CASCADE, null=True, blank=True, related_name="documents"
    )
    uploaded_by = TenantForeignKey(
        "tenants.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    attachment_of = TenantForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="attachments",
        help_text="The mail to which this is attached.",
    )
    attachment_position = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    filename = models.CharField(max_length=255)
    file = models.FileField(upload_to=file_path, max_length=255, blank=True)
    file_type = models.CharField(max_length=50)
    file_size = models.PositiveBigIntegerField("size in bytes")
    sha256 = models.CharField(max_length=64, editable=False)
    content = models.TextField("extracted text", null=True, editable=False)
    page_count = models.PositiveIntegerField(null=True, editable=False)
    metadata = models.JSONField(default=dict, blank=True)
    embedding = VectorField(dimensions=DIMENSIONS, null=True, editable=False)
    embedding_model = models.CharField(max_length=100, blank=True, editable=False)
    is_processed = models.BooleanField(default=False, editable=False)
    processing_status = models.CharField(
        max_length=50, choices=Status, default=Status.PENDING, editable=False
    )
    chunk_count = models.PositiveIntegerField(default=0, editable=False)
    lexeme_count = models.PositiveIntegerField(default=0, editable=False)
    language = models.CharField(
        max_length=20,
        choices=Language,
        default=Language.ENGLISH,
        db_default=Language.ENGLISH,
        help_text="How its words are brought to their stems.",
    )
    is_language_chosen = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Somebody chose the language; else it is told from the content.",
    )
    # Its block of postings and its number there, packed as `knowledge.postings` does.
    place = models.BigIntegerField(null=True, editable=False)
    error = models.TextField(blank=True, editable=False)
    notice = models.TextField(
        blank=True,
        db_default="",
        editable=False,
        help_text="What of the file was left out, such as an attachment that cannot be read.",
    )
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    pages_read = models.PositiveIntegerField(null=True, editable=False)
    pages_total = models.PositiveIntegerField(null=True, editable=False)
    chunks_embedded = models.PositiveIntegerField(null=True, editable=False)
    chunks_total = models.PositiveIntegerField(null=True, editable=False)
    is_searchable = models.BooleanField(default=True)
    is_restricted = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Only for those to whom it is granted, and those who may read every document.",
    )

    objects: ClassVar = LivingManager.from_queryset(DocumentQuerySet)()
    all_objects: ClassVar = AllManager.from_queryset(DocumentQuerySet)()

    class Meta(OrganizationOwned.Meta):
        ordering = ["-id"]
        default_permissions = (VIEW, CHANGE)  # what can be granted
        constraints = [
            *OrganizationOwned.Meta.constraints,
            Audited(
                name="knowledge_document_audit",
                columns=(
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
                    "language",
                ),
                title="filename",
                content=True,
            ),
            CompositeForeignKey("project", name="knowledge_document_project"),
            CompositeForeignKey("uploaded_by", name="knowledge_document_uploaded_by"),
            CompositeForeignKey("attachment_of", name="knowledge_document_attachment_of"),
            models.UniqueConstraint(
                fields=["organization", "attachment_of", "attachment_position"],
                condition=Q(attachment_of__isnull=False, is_deleted=False),
                name="knowledge_document_attachment",
                violation_error_message="The mail has this attachment already.",
            ),
            models.CheckConstraint(
                name="knowledge_document_completed",
                condition=Q(
                    processing_status="completed",
                    is_processed=True,
                    chunk_count__gt=0,
                    embedding__isnull=False,
                    content__isnull=False,
                )
                | Q(is_processed=False) & ~Q(processing_status="completed"),
                violation_error_message="A completed document has its chunks and its embedding.",
            ),
            models.CheckConstraint(
                name="knowledge_document_status",
                condition=Q(processing_status__in=["pending", "processing", "completed", "failed"]),
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "project"], name="knowledge_document_by_project"),
            models.Index(fields=["organization", "sha256"], name="knowledge_document_by_sha256"),
            models.Index(
                fields=["organization", "uploaded_by"],
                condition=Q(uploaded_by__isnull=False),
                name="knowledge_document_by_uploader",
            ),
            # The unique index on the living does not serve the reference of the deleted ones.
            models.Index(
                fields=["organization", "attachment_of"],
                condition=Q(attachment_of__isnull=False),
                name="knowledge_document_attached",
            ),
            deleted_rows("knowledge_document_deleted"),
            models.Index(
                fields=["organization", "id"],
                condition=Q(processing_status__in=["pending", "processing"], is_deleted=False),
                name="knowledge_document_waiting",
            ),
            # What a search asks of each document that it may show, without their wide rows.
            models.Index(
                fields=["organization", "id"],
                include=[
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
                ],
                condition=Q(processing_status="completed", is_searchable=True, is_deleted=False),
                name="knowledge_document_searchable",
            ),
        ]

    def __str__(self):
        return self.filename

    def followers(self):
        """What is attached, deleted or not: whoever is given a mail is given that, too."""
        return Document.all_objects.filter(attachment_of=self).defer("content", "embedding")

    @property
    def progress(self):
        """How far reading got, while it goes on; None before and after. What is not known yet, or
        not there in this kind of file, is None as well."""
        if self.processing_status != Document.Status.PROCESSING:
            return None
        return {
            "pages_read": self.pages_read,
            "pages": self.pages_total,
            "chunks_embedded": self.chunks_embedded,
            "chunks": self.chunks_total,
        }

    def reasons_for_reach(self, user, access):
        if not access.people.roles_with(user, Permissions.DOCUMENTS_VIEW):
            return
        yield from access.by_role(user, Permissions.DOCUMENTS_VIEW_ALL)
        if self.is_restricted:
            return
        if self.project is None:
            yield from access.by_role(user, Permissions.DOCUMENTS_VIEW)
        else:
            yield from access.of_project(self.project).sees(user)


class DocumentUserGrant(UserGrant):
    content_object = TenantForeignKey(Document, models.CASCADE, related_name="user_grants")

    class Meta(UserGrant.Meta):
        verbose_name = "grant to a user"
        verbose_name_plural = "grants to users"


class DocumentRoleGrant(RoleGrant):
    content_object = TenantForeignKey(Document, models.CASCADE, related_name="role_grants")

    class Meta(RoleGrant.Meta):
        verbose_name = "grant to a role"
        verbose_name_plural = "grants to roles"


class DocumentChunk(OrganizationOwned):
    """A passage: exactly `document.content[start:end]`, on one page."""

    document = TenantForeignKey(Document, models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True)
    heading = models.TextField(blank=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    content = models.TextField()

    class Meta(OrganizationOwned.Meta):
        ordering = ["document", "position"]
        verbose_name = "chunk"
        constraints = [
            *OrganizationOwned.Meta.constraints,
            CompositeForeignKey("document", name="knowledge_documentchunk_document"),
            models.UniqueConstraint(
                fields=["organization", "document", "position"],
                condition=Q(is_deleted=False),
                name="knowledge_documentchunk_position",
            ),
            models.CheckConstraint(
                condition=Q(end__gt=F("start")), name="knowledge_documentchunk_span"
            ),
            models.CheckConstraint(
                condition=Q(page=None) | Q(page__gte=1), name="knowledge_documentchunk_page"
            ),
        ]
        indexes = [
            # The unique index on the living does not serve the reference of the deleted ones.
            models.Index(
                fields=["organization", "document"], name="knowledge_documentchunk_parent"
            ),
            deleted_rows("knowledge_documentchunk_gone"),
        ]

    def __str__(self):
        return f"{self.document} [{self.position}]"
