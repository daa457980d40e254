from django.contrib import admin
from unfold.decorators import action

from tenants.admin.base import TIMES, OrganizationAdmin, values
from tenants.admin.staff_access import act_page
from tenants.models import Organization
from tenants.permissions import Permissions
from tenants.services import create_organization

OWN_DETAILS = ["name", "description", "email", "phone", "website"]
LIMITS = ["max_users", "max_projects", "max_storage_gb", "retention_days"]
USAGE = ["users_used", "projects_used", "storage_used"]


@admin.register(Organization)
class OrganizationRowAdmin(OrganizationAdmin):
    """Organizations: platform staff run them, an organization's own staff describe theirs."""

    has_organization = False
    list_display = ["name", "slug", "is_active", *USAGE, "created_at"]
    list_select_related = ["usage"]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    ordering = ["name", "id"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "is_active", "description"]}),
        ("Contact", {"fields": ["email", "phone", "website"]}),
        ("Limits", {"fields": LIMITS}),
        ("Use", {"fields": USAGE}),
        TIMES,
    ]
    readonly_fields = USAGE
    prepopulated_fields = {"slug": ["name"]}
    actions_detail = ["act"]
    taken = {"tenants_organization_slug": ("slug", "This slug cannot be used.")}

    def get_readonly_fields(self, request, obj=None):
        fixed = [] if request.user.acts_as_platform else ["slug", "is_active", *LIMITS]
        return [*super().get_readonly_fields(request, obj), *fixed]

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_fieldsets(self, request, obj=None):
        """A new organization uses nothing yet; what one uses is for those who may see it."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj and self._shows_usage(request):
            return fieldsets
        return [(title, options) for title, options in fieldsets if title != "Use"]

    def get_list_display(self, request):
        columns = super().get_list_display(request)
        if self._shows_usage(request):
            return columns
        return [column for column in columns if column not in USAGE]

    def _shows_usage(self, request):
        return request.user.has_perm(Permissions.USAGE_VIEW)

    def create(self, request, obj, form):
        return create_organization(**values(form))

    def has_act_permission(self, request, object_id=None):
        return request.user.acts_as_platform

    @action(description="Act for this organization", permissions=["act"], icon="policy")
    def act(self, request, object_id):
        return act_page(request, self.get_object(request, object_id))

    @admin.display(description="people")
    def users_used(self, organization):
        return f"{organization.usage.users} of {organization.max_users}"

    @admin.display(description="projects")
    def projects_used(self, organization):
        return f"{organization.usage.projects} of {organization.max_projects}"

    @admin.display(description="storage")
    def storage_used(self, organization):
        used = organization.usage.storage_bytes / 10**9
        return f"{used:.2f} of {organization.max_storage_gb} GB"
