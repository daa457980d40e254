from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Subquery
from django.template.defaultfilters import filesizeformat, linebreaksbr
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from knowledge.admin.search import search_page
from knowledge.admin.upload import CHOSEN, UploadForm, upload_many
from knowledge.models import Document, DocumentChunk
from knowledge.services import (
    RefusedUpload,
    follow,
    reprocess_documents,
    set_language,
    upload_once,
)
from tenants.admin.base import TIMES, PartInline, living
from tenants.admin.grants import GrantableAdmin

COLORS = {"pending": "info", "processing": "warning", "completed": "success", "failed": "danger"}
PLACE = ["project", "is_restricted"]  # of what is attached, its mail's
FOUND = ["file_type", "size", "page_count", "chunk_count", "sha256", "uploader"]


class ChunkInline(PartInline):
    """The passages of a document, as search finds them."""

    model = DocumentChunk
    fields = ["position", "page", "heading", "content"]
    readonly_fields = fields
    readonly_preprocess_fields = {"content": linebreaksbr}
    ordering = ["position"]
    per_page = 20
    tab = True
    verbose_name_plural = "passages"


class AttachmentInline(PartInline):
    """What is attached to a mail, as far as one may see it."""

    model = Document
    fk_name = "attachment_of"
    fields = ["filename", "file_type", "processing_status"]
    readonly_fields = fields
    ordering = ["attachment_position"]
    show_change_link = True
    per_page = 20
    tab = True
    verbose_name_plural = "attachments"

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)


@admin.register(Document)
class DocumentAdmin(GrantableAdmin):
    """Documents of an organization. Platform staff have no right here, and no way to the table."""

    has_organization = False
    list_display = [
        "filename",
        "project",
        "status",
        "progress",
        "size",
        "is_searchable",
        "created_at",
    ]
    list_select_related = ["project"]
    list_filter = [
        "processing_status",
        "is_searchable",
        ("project", AutocompleteSelectFilter),
        ("attachment_of", EmptyFieldListFilter),
    ]
    search_fields = ["filename"]
    ordering = ["-id"]
    paginator = InfinitePaginator
    autocomplete_fields = ["project"]
    readonly_fields = ["filename", "mail", "status", "progress", "error", "notice", *FOUND]
    fieldsets = [
        (None, {"fields": ["filename", "mail", *CHOSEN, "language"]}),
        ("Reading", {"fields": ["status", "progress", "error", "notice", *FOUND]}),
        TIMES,
    ]
    add_fieldsets = [(None, {"fields": ["file", "unpack", *CHOSEN]})]
    inlines = [AttachmentInline, ChunkInline]
    actions = ["read_again", "read_failed_again"]
    custom_urls = [("search/", "knowledge_document_search", search_page)]

    def get_queryset(self, request):
        mails = Document.objects.visible_to(request.user).filter(pk=OuterRef("attachment_of"))
        return super().get_queryset(request).annotate(mail_name=Subquery(mails.values("filename")))

    def get_readonly_fields(self, request, obj=None):
        fixed = PLACE if obj and obj.attachment_of_id else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj is None:
            kwargs["form"] = UploadForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_inlines(self, request, obj):
        return super().get_inlines(request, obj) if obj else []

    def add_view(self, request, form_url="", extra_context=None):
        """Several files are taken one by one, each in a transaction of its own."""
        if request.method == "POST" and self.has_add_permission(request):
            form = self.get_form(request)(request.POST, request.FILES)
            if form.is_valid() and form.is_of_many:
                return upload_many(request, form, reverse("admin:knowledge_document_changelist"))
        return super().add_view(request, form_url, extra_context)

    def create(self, request, obj, form):
        chosen = form.cleaned_data
        try:
            document, is_new = upload_once(
                organization_id=obj.organization_id,
                file=chosen["file"][0],
                by=request.user,
                **{name: chosen[name] for name in CHOSEN},
            )
        except RefusedUpload as refusal:
            raise ValidationError({"file": refusal.reason}) from refusal
        if not is_new:
            raise ValidationError({"file": f"The same file is here already: {document}."})
        return document

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            was_restricted = form.initial.get("is_restricted", obj.is_restricted)
            follow(document=obj, was_restricted=was_restricted, by=request.user)
            if "language" in form.changed_data:
                set_language(document=obj, language=obj.language, by=request.user)

    @admin.action(description="Read again", permissions=["change"])
    def read_again(self, request, queryset):
        documents = self.permitted(request, queryset, "change")
        count = reprocess_documents(documents=documents, by=request.user)
        self.message_user(request, f"Queued {count} documents.")

    @admin.action(description="Read all failed documents again", permissions=["change"])
    def read_failed_again(self, request, queryset):
        """Those of the whole organization, whichever are selected."""
        failed = Document.objects.filter(processing_status=Document.Status.FAILED)
        documents = self.permitted(request, failed, "change").only("pk")
        count = reprocess_documents(documents=documents, by=request.user)
        self.message_user(request, f"Queued {count} documents that had failed.")

    @display(description="status", ordering="processing_status", label=COLORS)
    def status(self, document):
        return document.processing_status

    @admin.display(description="attached to")
    def mail(self, document):
        if not document.mail_name:
            return None
        url = reverse("admin:knowledge_document_change", args=[document.attachment_of_id])
        return format_html('<a href="{}">{}</a>', url, document.mail_name)

    @admin.display(description="progress", empty_value="")
    def progress(self, document):
        got = document.progress or {}
        if got.get("chunks"):
            return f"{got['chunks_embedded']:,} of {got['chunks']:,} passages embedded"
        if got.get("pages"):
            return f"{got['pages_read']:,} of {got['pages']:,} pages read"
        return None

    @admin.display(description="uploaded by")
    def uploader(self, document):
        return living(document.uploaded_by)

    @admin.display(description="size", ordering="file_size")
    def size(self, document):
        return filesizeformat(document.file_size)
