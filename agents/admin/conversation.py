from django.contrib import admin
from django.template.defaultfilters import linebreaksbr
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.paginator import InfinitePaginator

from agents.models import Conversation, Message
from tenants.admin.base import OrganizationAdmin, PartInline, ReadOnly
from tenants.permissions import Permissions


class MessageInline(PartInline):
    """The transcript, oldest first."""

    model = Message
    fields = ["role", "content", "status", "tokens_used", "agent_version", "created_at"]
    readonly_fields = fields
    ordering = ["id"]
    verbose_name_plural = "transcript"
    readonly_preprocess_fields = {"content": linebreaksbr}
    per_page = 50

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("agent_version__agent")


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, OrganizationAdmin):
    """Conversations to read: one's own, and others' with the permission. Never platform staff's."""

    has_organization = False
    list_display = ["shown_title", "user", "agent", "project", "message_count", "created_at"]
    list_select_related = ["user", "agent", "project"]
    list_filter = [
        ("agent", AutocompleteSelectFilter),
        ("project", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
    ]
    search_fields = ["title"]
    ordering = ["-id"]
    paginator = InfinitePaginator
    fields = ["title", "user", "agent", "project", "message_count", "created_at"]
    inlines = [MessageInline]

    def has_view_permission(self, request, obj=None):
        """Which ones: `ConversationQuerySet.visible_to`."""
        rights = (Permissions.CONVERSATIONS_VIEW_ALL, Permissions.AGENTS_USE)
        return any(request.user.has_perm(right) for right in rights)

    @admin.display(description="conversation", ordering="title")
    def shown_title(self, conversation):
        return str(conversation)
