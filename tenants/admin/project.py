from django.contrib import admin
from django.core.exceptions import ValidationError

from tenants.admin.base import TIMES, PartInline, living, values
from tenants.admin.grants import GrantableAdmin
from tenants.models import Project, ProjectMember
from tenants.services import add_member, create_project, remove_member


class MemberInline(PartInline):
    """Who is in a project: people are let in and taken out, nothing else."""

    model = ProjectMember
    fields = ["user", "created_at"]
    readonly_fields = ["created_at"]
    autocomplete_fields = ["user"]
    can_delete = True
    verbose_name = "member"
    verbose_name_plural = "members"
    per_page = 50
    tab = True

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user").order_by("created_at", "id")

    def has_add_permission(self, request, obj=None):
        project_admin = self.admin_site.get_model_admin(Project)
        if obj is None:
            return project_admin.has_add_permission(request)
        return project_admin.has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return self.admin_site.get_model_admin(Project).has_change_permission(request, obj)


@admin.register(Project)
class ProjectAdmin(GrantableAdmin):
    list_display = ["name", "managed_by", "member_count", "is_active", "created_at"]
    list_select_related = ["manager"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    ordering = ["name", "id"]
    autocomplete_fields = ["manager"]
    readonly_fields = ["member_count"]
    fieldsets = [
        (None, {"fields": ["name", "description", "manager", "is_active", "member_count"]}),
        TIMES,
    ]
    inlines = [MemberInline]

    @admin.display(description="manager", ordering="manager__username")
    def managed_by(self, project):
        return living(project.manager)

    def create(self, request, obj, form):
        return create_project(organization_id=obj.organization_id, by=request.user, **values(form))

    def save_formset(self, request, form, formset, change):
        """Members come and go through the services, which count them."""
        if formset.model is not ProjectMember:
            super().save_formset(request, form, formset, change)
            return
        project = form.instance
        formset.save(commit=False)
        for membership in formset.deleted_objects:
            remove_member(project=project, user=membership.user)
        for membership in formset.new_objects:
            if membership.user.organization_id != project.organization_id:
                raise ValidationError(f"{membership.user} belongs to another organization.")
            add_member(project=project, user=membership.user)
