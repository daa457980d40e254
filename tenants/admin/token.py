from django.contrib import admin
from django.core.exceptions import PermissionDenied

from tenants import deletion
from tenants.admin.base import OrganizationAdmin, ReadOnly
from tenants.delegation import may_administer
from tenants.models import AccessToken, User
from tenants.permissions import Permissions


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnly, OrganizationAdmin):
    """Tokens of people: seen and revoked by those who may change people, made over the API."""

    governed_by = User
    list_display = ["prefix", "name", "user", "expires_at", "created_at"]
    list_select_related = ["user"]
    list_filter = ["expires_at"]
    search_fields = ["prefix", "user__username", "user__email"]
    ordering = ["-created_at", "-id"]
    fieldsets = [
        (None, {"fields": ["user", "name", "prefix", "scopes", "expires_at", "created_at"]})
    ]
    actions = ["revoke"]

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(Permissions.USERS_CHANGE)

    def has_delete_permission(self, request, obj=None):
        """Whoever may do more than oneself is beyond one's reach, and so are their tokens."""
        if not request.user.has_perm(Permissions.USERS_CHANGE):
            return False
        return obj is None or may_administer(request.user, obj.user)

    def has_trash(self, request):
        """What was revoked stays so."""
        return False

    def get_actions(self, request):
        """Revoking says better than deleting what happens."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Revoke", permissions=["delete"])
    def revoke(self, request, queryset):
        if not all(self.has_delete_permission(request, token) for token in queryset):
            raise PermissionDenied
        for token in queryset:
            deletion.delete(token)
        self.message_user(request, f"Revoked {len(queryset)} tokens.")
