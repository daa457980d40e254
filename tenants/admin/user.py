from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UsernameField
from django.contrib.auth.models import Group
from django.db.models import Q
from django.shortcuts import redirect
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from tenants.admin.base import TIMES, OrganizationAdmin, save_changes, values
from tenants.admin.forms import OrganizationForm
from tenants.admin.password import PasswordForm
from tenants.delegation import may_administer, roles_giveable_by
from tenants.models import Role, User
from tenants.ownership import LastOwner, keeping_an_owner
from tenants.services import create_user, set_roles

admin.site.unregister(Group)  # rights come from roles

OWN_RIGHTS: list[Any] = [
    "granted_roles",
    "is_active",
    "is_staff",
]  # nobody changes these of themselves


class RolesField(forms.ModelMultipleChoiceField):
    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def label_from_instance(self, role):
        return f"{role.name}: {role.description}" if role.description else role.name


class PersonForm(OrganizationForm):
    granted_roles = RolesField(
        Role.objects.none(),
        label="Roles",
        required=False,
        help_text="You can give roles that permit no more than you may do yourself.",
    )

    class Meta:
        model = User
        fields = ["username", "email", "full_name", "is_active", "is_staff"]
        field_classes = {"username": UsernameField}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        roles: Any = self.fields.get("granted_roles")
        if roles:
            own = Q(organization=None) | Q(organization=self.instance.organization_id)
            roles.queryset = roles_giveable_by(self.request.user).filter(own)
            roles.initial = list(self.instance.roles.values_list("pk", flat=True))

    def clean_email(self):
        return self.cleaned_data["email"].lower()


class NewPersonForm(BaseUserCreationForm, PersonForm):
    class Meta(PersonForm.Meta):
        pass

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})


@admin.register(User)
class UserAdmin(OrganizationAdmin, DjangoUserAdmin):  # type: ignore[misc]
    """People. Rights are handed on by those who hold them (`tenants.delegation`)."""

    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    change_password_form = PasswordForm
    list_display = ["username", "full_name", "email", "is_active", "is_staff", "created_at"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["username", "full_name", "email"]
    ordering = ["username", "id"]
    filter_horizontal = []
    readonly_fields = ["is_email_verified"]
    fieldsets = [
        (None, {"fields": ["username", "full_name", "email", "is_email_verified"]}),
        ("Rights", {"fields": OWN_RIGHTS}),
        TIMES,
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "full_name", "email", "password1", "password2"]}),
        ("Rights", {"fields": OWN_RIGHTS}),
    ]
    actions_detail = ["set_password"]
    taken = {
        "tenants_user_email": ("email", "This e-mail address cannot be used."),
        "tenants_user_username": ("username", "This username cannot be used."),
    }

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and _is_within(request.user, obj)

    def has_delete_permission(self, request, obj=None):
        """Nobody removes themselves: an organization could lose the last who administers it."""
        allowed = super().has_delete_permission(request, obj) and _is_within(request.user, obj)
        return allowed and obj != request.user

    def has_set_password_permission(self, request, object_id=None):
        """Whether to offer it; the page that it leads to looks whose password it is."""
        return self.may(request, "change")

    def get_readonly_fields(self, request, obj=None):
        fixed = []
        if obj == request.user:
            fixed = OWN_RIGHTS
        elif obj and obj.is_platform_staff:
            fixed = ["granted_roles"]
        return [*super().get_readonly_fields(request, obj), *fixed]

    def create(self, request, obj, form):
        return create_user(
            organization=obj.organization,
            roles=form.cleaned_data["granted_roles"],
            password=form.cleaned_data["password1"],
            **values(form),
        )

    def user_change_password(self, request, id, form_url=""):  # noqa: A002 (Django's name)
        """One's own is changed where the old one is asked for."""
        if id == str(request.user.pk):
            return redirect("admin:password_change")
        return super().user_change_password(request, id, form_url)

    def changelist_view(self, request, extra_context=None):
        return self._told(request, super().changelist_view, request, extra_context)

    def delete_view(self, request, object_id, extra_context=None):
        return self._told(request, super().delete_view, request, object_id, extra_context)

    def _told(self, request, view, *args):
        """Answer as the view does, or say why the last owner stays."""
        try:
            return view(*args)
        except LastOwner as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return redirect("admin:tenants_user_changelist")

    @action(description="Set password", permissions=["set_password"])
    def set_password(self, request, object_id):
        return redirect("admin:auth_user_password_change", object_id)

    @admin.display(description="roles")
    def granted_roles(self, user):
        return ", ".join(str(role) for role in user.roles.all()) or "none"

    def save_model(self, request, obj, form, change):
        with keeping_an_owner(obj.organization_id if change else None):
            super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data and obj.is_email_verified:
            obj.is_email_verified = False
            save_changes(obj, ["is_email_verified"])

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if change and "granted_roles" in form.changed_data:
            set_roles(user=form.instance, roles=form.cleaned_data["granted_roles"])


def _is_within(user, person):
    return person is None or may_administer(user, person)
