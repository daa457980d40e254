from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html_join
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants.admin.base import TIMES, OrganizationAdmin, ReadOnly
from tenants.admin.forms import OrganizationForm
from tenants.delegation import may_bring_back, may_give, permissions_giveable_by
from tenants.models import Permission, Role
from tenants.permissions import Permissions
from tenants.services import set_permissions

CATALOGUE = Permissions.values


class RoleForm(OrganizationForm):
    granted_permissions = forms.ModelMultipleChoiceField(
        Permission.objects.none(),
        label="Permissions",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="You can give what you hold yourself.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        permissions: Any = self.fields.get("granted_permissions")
        if permissions:
            permissions.queryset = permissions_giveable_by(self.request.user)
            in_order = sorted(permissions.queryset, key=lambda held: CATALOGUE.index(held.name))
            permissions.choices = [(held.pk, str(held)) for held in in_order]
            permissions.initial = list(self.instance.permissions.values_list("pk", flat=True))


@admin.register(Role)
class RoleAdmin(OrganizationAdmin):
    """Roles: the built-in ones are the code's own and shown only, an organization makes others."""

    form = RoleForm
    list_display = ["name", "description", "is_built_in"]
    search_fields = ["name", "description"]
    ordering = ["name", "id"]
    fieldsets = [(None, {"fields": ["name", "description", "granted_permissions"]}), TIMES]
    taken = {"tenants_role_name": ("name", "There is a role of this name already.")}

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and self._is_open(request, obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and self._is_open(request, obj)

    def _is_open(self, request, role):
        if role is None or role.is_built_in:
            return role is None
        may = may_bring_back if role.is_deleted else may_give
        return may(request.user, role)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        set_permissions(role=form.instance, permissions=form.cleaned_data["granted_permissions"])

    @admin.display(description="permissions")
    def granted_permissions(self, role):
        held = [str(permission) for permission in role.permissions.all()]
        return format_html_join("", "<div>{}</div>", ((text,) for text in held)) or "none"

    @admin.display(description="built in", boolean=True)
    def is_built_in(self, role):
        return role.is_built_in


@admin.register(Permission)
class PermissionAdmin(ReadOnly, OrganizationAdmin):
    """The catalogue of rights, for those who see roles."""

    governed_by = Role
    has_organization = False
    list_display = ["description", "code"]
    search_fields = ["name", "description"]
    fields = ["description", "code"]
    ordering = ["name"]

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(Permissions.ROLES_VIEW)

    def get_readonly_fields(self, request, obj=None):
        return self.fields

    @admin.display(description="name", ordering="name")
    def code(self, permission):
        return permission.name
