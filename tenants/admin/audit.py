import json

from django.contrib import admin
from django.utils.html import format_html
from unfold.paginator import InfinitePaginator

from tenants.admin.base import OrganizationAdmin, ReadOnly
from tenants.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, OrganizationAdmin):
    """Who did what. Platform staff see what was done to the control plane, not to content."""

    has_organization = False  # there may be none, or one that was purged
    list_display = [
        "created_at",
        "actor_name",
        "acting_as",
        "action",
        "object_type",
        "object_name",
        "way",
        "address",
    ]
    list_display_links = ["created_at"]
    list_filter = ["action", "object_type", "acting_as", "created_at"]
    search_fields = ["actor_name", "object_name", "=object_id"]
    ordering = ["-id"]
    paginator = InfinitePaginator
    fieldsets = [
        (None, {"fields": ["created_at", "action", "object_type", "object_name", "object_id"]}),
        ("Who", {"fields": ["actor_name", "acting_as", "actor_id", "way", "address"]}),
        ("What", {"fields": ["was", "became"]}),
    ]
    readonly_fields = ["was", "became"]

    @admin.display(description="before")
    def was(self, entry):
        return _pretty(entry.before)

    @admin.display(description="after")
    def became(self, entry):
        return _pretty(entry.after)


def _pretty(value):
    if value is None:
        return ""
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
