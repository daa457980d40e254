"""Grants in the admin: a section on what can be granted, for those who may change it."""

from django import forms
from django.contrib.auth.models import Permission as NamedPermission
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q

from tenants import sharing
from tenants.admin.base import OrganizationAdmin, PartInline
from tenants.grants import tables
from tenants.models import Role
from tenants.models.grant import Grant


class ActionField(forms.ModelChoiceField):
    def label_from_instance(self, permission):
        return permission.codename.partition("_")[0]


class GrantInline(PartInline):
    """Who may view, use or change a row: grants are given and taken back, nothing else."""

    fk_name = "content_object"
    readonly_fields = ["created_at"]
    can_delete = True
    per_page = 50
    tab = True
    grantee: str
    row = None

    def get_formset(self, request, obj=None, **kwargs):
        self.row = obj  # an inline is made anew for each request
        return super().get_formset(request, obj, **kwargs)

    def get_queryset(self, request):
        grants = super().get_queryset(request).select_related("permission", self.grantee)
        return grants.order_by("id")

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "permission":
            names = [f"{action}_{self._kind.model_name}" for action in self.parent_model.grantable]
            kwargs |= {
                "form_class": ActionField,
                "label": "May",
                "queryset": NamedPermission.objects.filter(
                    content_type__app_label=self._kind.app_label, codename__in=names
                ),
            }
        if db_field.name == "group" and self.row is not None:
            own = Q(organization=None) | Q(organization=self.row.organization_id)
            kwargs["queryset"] = Role.objects.filter(own)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @property
    def _kind(self):
        return self.parent_model._meta

    def has_view_permission(self, request, obj=None):
        return self._may_share(request, obj)

    def has_add_permission(self, request, obj=None):
        return self._may_share(request, obj)

    def has_delete_permission(self, request, obj=None):
        return self._may_share(request, obj)

    def _may_share(self, request, row):
        shared = self.admin_site.get_model_admin(self.parent_model)
        return shared.has_change_permission(request, row)


class UserGrantInline(GrantInline):
    grantee = "user"
    fields = ["user", "permission", "created_at"]
    autocomplete_fields = ["user"]


class RoleGrantInline(GrantInline):
    grantee = "group"
    fields = ["group", "permission", "created_at"]


class GrantableAdmin(OrganizationAdmin):
    """Rows that can be granted, with their grants."""

    def get_inlines(self, request, obj):
        """A row that is not there yet is granted to nobody."""
        inlines = super().get_inlines(request, obj)
        if obj is None:
            return inlines
        of_users, of_roles = tables(self.model)
        return [
            *inlines,
            type("UserGrants", (UserGrantInline,), {"model": of_users}),
            type("RoleGrants", (RoleGrantInline,), {"model": of_roles}),
        ]

    def save_formset(self, request, form, formset, change):
        """Grants come and go through the service, which knows who may give what."""
        if not issubclass(formset.model, Grant):
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        try:
            for granted in formset.deleted_objects:
                sharing.revoke(granted=granted, by=request.user)
            for granted in formset.new_objects:
                sharing.grant(
                    row=form.instance,
                    action=granted.action,
                    to=granted.grantee,
                    by=request.user,
                )
        except PermissionDenied as refusal:
            raise ValidationError(str(refusal)) from refusal

    def permitted(self, request, rows, action):
        """Those of the rows with which somebody may do this."""
        if request.user.acts_as_platform:
            return rows
        return rows.allowed_to(request.user, action)
