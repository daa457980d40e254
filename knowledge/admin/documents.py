from django.contrib import admin
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat, linebreaksbr
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from knowledge.admin.search import search_page
from knowledge.admin.upload import CHOSEN, UploadForm, upload_many
from knowledge.models import Document, DocumentChunk
from knowledge.services import (
    RefusedUpload,
    keep_for_its_people,
    reprocess_documents,
    upload_document,
)
from tenants.admin.base import TIMES, PartInline, living
from tenants.admin.grants import GrantableAdmin

COLORS = {"pending": "info", "processing": "warning", "completed": "success", "failed": "danger"}
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


@admin.register(Document)
class DocumentAdmin(GrantableAdmin):
    """Documents of an organization. Platform staff have no right here, and no way to the table."""

    has_organization = False
    list_display = ["filename", "project", "status", "size", "is_searchable", "created_at"]
    list_select_related = ["project"]
    list_filter = ["processing_status", "is_searchable", ("project", AutocompleteSelectFilter)]
    search_fields = ["filename"]
    ordering = ["-id"]
    paginator = InfinitePaginator
    autocomplete_fields = ["project"]
    readonly_fields = ["filename", "status", "error", *FOUND]
    fieldsets = [
        (None, {"fields": ["filename", *CHOSEN]}),
        ("Reading", {"fields": ["status", "error", *FOUND]}),
        TIMES,
    ]
    add_fieldsets = [(None, {"fields": ["file", "unpack", *CHOSEN]})]
    inlines = [ChunkInline]
    actions = ["read_again"]
    custom_urls = [("search/", "knowledge_document_search", search_page)]

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
            return upload_document(
                organization_id=obj.organization_id,
                file=chosen["file"][0],
                by=request.user,
                **{name: chosen[name] for name in CHOSEN},
            )
        except RefusedUpload as refusal:
            raise ValidationError({"file": refusal.reason}) from refusal

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and "is_restricted" in form.changed_data and obj.is_restricted:
            keep_for_its_people(document=obj, by=request.user)

    @admin.action(description="Read again", permissions=["change"])
    def read_again(self, request, queryset):
        documents = self.permitted(request, queryset, "change")
        count = reprocess_documents(documents=documents, by=request.user)
        self.message_user(request, f"Queued {count} documents.")

    @display(description="status", ordering="processing_status", label=COLORS)
    def status(self, document):
        return document.processing_status

    @admin.display(description="uploaded by")
    def uploader(self, document):
        return living(document.uploaded_by)

    @admin.display(description="size", ordering="file_size")
    def size(self, document):
        return filesizeformat(document.file_size)
