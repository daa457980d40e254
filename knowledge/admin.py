from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat, linebreaksbr
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminFileFieldWidget

from knowledge.models import Document, DocumentChunk
from knowledge.services import (
    RefusedUpload,
    keep_for_its_people,
    reprocess_documents,
    set_language,
    upload_document,
)
from tenants.admin.base import TIMES, PartInline, living
from tenants.admin.forms import OrganizationForm
from tenants.admin.grants import GrantableAdmin

COLORS = {"pending": "info", "processing": "warning", "completed": "success", "failed": "danger"}
CHOSEN = ["project", "is_searchable", "is_restricted", "metadata"]
FOUND = ["file_type", "size", "page_count", "chunk_count", "sha256", "uploader"]


class UploadForm(OrganizationForm):
    file = forms.FileField(widget=UnfoldAdminFileFieldWidget)

    class Meta:
        model = Document
        fields = CHOSEN


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
        (None, {"fields": ["filename", *CHOSEN, "language"]}),
        ("Reading", {"fields": ["status", "error", *FOUND]}),
        TIMES,
    ]
    add_fieldsets = [(None, {"fields": ["file", *CHOSEN]})]
    inlines = [ChunkInline]
    actions = ["read_again"]

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj is None:
            kwargs["form"] = UploadForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_inlines(self, request, obj):
        return super().get_inlines(request, obj) if obj else []

    def create(self, request, obj, form):
        chosen = form.cleaned_data
        try:
            return upload_document(
                organization_id=obj.organization_id,
                file=chosen["file"],
                by=request.user,
                **{name: chosen[name] for name in CHOSEN},
            )
        except RefusedUpload as refusal:
            raise ValidationError({"file": refusal.reason}) from refusal

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and "language" in form.changed_data:
            set_language(document=obj, language=obj.language, by=request.user)
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
