"""What the admin of every row of an organization has in common.

Two kinds of people come here. An organization's staff act for it: PostgreSQL shows them its rows,
and the organization is never a question. Platform staff see the rows of all organizations that the
control plane has; they choose the organization of a new row, and never change it. While platform
staff act for one organization (`tenants.staff_access`), they are of the first kind.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote
from django.core.exceptions import BadRequest, ValidationError
from django.db import models, router, transaction
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from tenants import deletion
from tenants.admin.forms import OrganizationForm, RowField, StructureField
from tenants.admin.refusals import REFUSALS, explain
from tenants.admin.trash import TrashAdmin
from tenants.grants import is_granted_somewhere

TIMES: Any = ("Times", {"fields": [("created_at", "updated_at")]})


class UnloggedAdmin(ModelAdmin):
    """An admin without Django's log, whose rows carry no organization."""

    view_on_site = False
    list_select_related: list[str] = []
    list_disable_select_all = True
    show_facets = ShowFacets.NEVER

    def log_addition(self, request, obj, message):
        """Django's log is not kept."""

    def log_change(self, request, obj, message):
        """Django's log is not kept."""

    def log_deletions(self, request, queryset):
        """Django's log is not kept."""

    def history_view(self, request, object_id, extra_context=None):
        raise Http404("There is no such history.")

    def response_action(self, request, queryset):
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError as error:
            raise BadRequest("What was selected is no row.") from error
        return super().response_action(request, queryset)

    def choice_label(self, request, obj):
        """What an autocomplete field calls the row."""
        return str(obj)

    def lookup_allowed(self, lookup, value, request):
        """Only what a filter offers: a hidden column could be guessed letter by letter.

        No filter offers regular expressions, and PostgreSQL fails on those that are none.
        """
        if lookup.endswith("regex"):
            return False
        offered = {_asks_for(item) for item in self.get_list_filter(request)}
        return lookup.split("__")[0] in offered and super().lookup_allowed(lookup, value, request)


class ReadOnly:
    """Mixed into an admin: rows to look at."""

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class OrganizationAdmin(TrashAdmin, UnloggedAdmin):
    """Rows of organizations.

    `governed_by` is the model whose permissions count, where the row's own has none. `taken` says
    what to answer for the name of each unique constraint: the field, and the message.
    """

    form = OrganizationForm
    formfield_overrides = {
        models.TextField: {"widget": UnfoldAdminExpandableTextareaWidget},
        models.JSONField: {"widget": UnfoldAdminExpandableTextareaWidget},
        models.URLField: {"assume_scheme": "https"},
    }
    governed_by: type[models.Model] | None = None
    taken: dict[str, tuple[str, str]] = {}
    has_organization = True  # a field that platform staff choose
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    warn_unsaved_form = True

    # Who may do what

    def may(self, request, action, row=None):
        """Whether somebody has a right over this row; without one, over any. Asked once each."""
        options = (self.governed_by or self.model)._meta
        name = f"{options.app_label}.{action}_{options.model_name}"
        answers = request.__dict__.setdefault("rights", {})
        asked = self.model, name, row and row.pk
        if asked not in answers:
            answers[asked] = request.user.has_perm(name, row) or (
                row is None and not self.governed_by and is_granted_somewhere(request.user, name)
            )
        return answers[asked]

    def has_view_permission(self, request, obj=None):
        return self.may(request, "view", obj) or self.may(request, "change", obj)

    def has_add_permission(self, request):
        return self.may(request, "add")

    def has_change_permission(self, request, obj=None):
        return self.may(request, "change", obj)

    def has_delete_permission(self, request, obj=None):
        return self.may(request, "delete", obj)

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        if not self.has_view_permission(request):
            return rows.none()  # a form asks for its row before it asks for the permission
        return rows if request.user.acts_as_platform else _visible(rows, request.user)

    # The organization of a row, which platform staff see

    def _shows_organization(self, request):
        return self.has_organization and request.user.acts_as_platform

    def get_list_display(self, request):
        first, *others = super().get_list_display(request)
        shown = ["organization"] if self._shows_organization(request) else []
        return [first, *shown, *others]

    def get_list_select_related(self, request):
        shown = ["organization"] if self._shows_organization(request) else []
        return [*self.list_select_related, *shown]

    def get_list_filter(self, request):
        filters = super().get_list_filter(request)
        shown = self._shows_organization(request)
        return [("organization", AutocompleteSelectFilter), *filters] if shown else filters

    def get_fieldsets(self, request, obj=None):
        (title, options), *others = super().get_fieldsets(request, obj)
        if self._shows_organization(request):
            options = options | {"fields": ["organization", *options["fields"]]}
        return [(title, options), *(others if obj else _without(TIMES, others))]

    def get_readonly_fields(self, request, obj=None):
        fixed = ["organization"] if obj and self._shows_organization(request) else []
        return [*super().get_readonly_fields(request, obj), *fixed, "created_at", "updated_at"]

    def get_autocomplete_fields(self, request):
        chosen = ["organization"] if self.has_organization else []
        return [*super().get_autocomplete_fields(request), *chosen]

    def choice_label(self, request, obj):
        """Platform staff are told whose it is."""
        label = super().choice_label(request, obj)
        if self._shows_organization(request) and obj.organization_id:
            return f"{label} ({obj.organization})"
        return label

    # Forms

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if isinstance(db_field, models.JSONField):
            kwargs |= {"form_class": StructureField, "kind": type(db_field.get_default())}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if not request.user.acts_as_platform:
            rows = db_field.related_model._default_manager.all()
            kwargs.setdefault("queryset", _choosable(rows, request.user))
        kwargs.setdefault("form_class", RowField)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "organization":
            field.required = True  # where it may be null, null is the platform
        return field

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        form.request = request
        form.refusal = getattr(request, "refusal", None)
        return form

    # Saving

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """Show the form again when saving was refused: nothing of it has been written then."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except REFUSALS as refusal:
            request.refusal = explain(refusal, self.taken)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request, obj, form, change):
        if change:
            deletion.hold_parents(obj)
            save_changes(obj, form.changed_data)
        else:
            made = self.create(request, obj, form)
            vars(obj).update(vars(made))  # the caller goes on with its own instance
        for action in self.get_actions_submit_line(request, obj.pk):
            if action.action_name in request.POST:
                action.method(request, obj)

    def create(self, request, obj, form):
        """Make the row and return it. Where more than a row is needed, a service does."""
        deletion.hold_parents(obj)
        obj.save()
        return obj

    # Deletion

    def changelist_view(self, request, extra_context=None):
        """Show the list again when an action came upon a row that has just been deleted."""
        try:
            return super().changelist_view(request, extra_context)
        except deletion.Gone as gone:
            self.message_user(request, f"{gone} Nothing was done.", messages.ERROR)
            return redirect(request.get_full_path())

    def delete_model(self, request, obj):
        deletion.delete(obj)

    def delete_queryset(self, request, queryset):
        with transaction.atomic(using=router.db_for_write(self.model)):
            for row in queryset:
                deletion.delete(row)

    def get_deleted_objects(self, objs, request):
        """Return what the confirmation lists: the rows, how many others go, and what may not."""
        rows = list(objs)
        refused = {str(row) for row in rows if not self.has_delete_permission(request, row)}
        counts = {self.opts.verbose_name_plural: len(rows)}
        for model, count in deletion.what_goes_with(rows):
            if self.admin_site.is_registered(model):
                counts[model._meta.verbose_name_plural] = count
        return [self._link(row) for row in rows], counts, refused, []

    def _link(self, row):
        url = reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(row.pk)]
        )
        return format_html('<a href="{}">{}</a>', url, row)


class PartInline(TabularInline):
    """Rows that are part of another, whose permission governs them: here, to look at."""

    extra = 0
    can_delete = False
    hide_title = True

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        kwargs.setdefault("form_class", RowField)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_view_permission(self, request, obj=None):
        return self.admin_site.get_model_admin(self.parent_model).has_view_permission(request, obj)

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


def save_changes(row, changed):
    """Write only the columns that changed: the application may not write all of them."""
    columns = {field.name for field in row._meta.concrete_fields}
    if written := columns.intersection(changed):
        row.save(update_fields=[*written, "updated_at"])


def values(form):
    """What a valid form says of its row's columns, without the organization."""
    columns = {field.name for field in form.instance._meta.concrete_fields} - {"organization"}
    return {name: form.cleaned_data[name] for name in columns & form.cleaned_data.keys()}


def living(row):
    """A row that another names, or nothing once it is deleted."""
    return None if row is None or row.is_deleted else row


def _asks_for(list_filter):
    """The lookup or the parameter of an entry of `list_filter`."""
    first = list_filter[0] if isinstance(list_filter, tuple) else list_filter
    return getattr(first, "parameter_name", first)


def _visible(rows, user):
    return rows.visible_to(user) if hasattr(rows, "visible_to") else rows


def _choosable(rows, user):
    """What a row may be put into: of projects, not each that somebody sees."""
    return rows.open_to(user) if hasattr(rows, "open_to") else _visible(rows, user)


def _without(fieldset, fieldsets):
    return [entry for entry in fieldsets if entry is not fieldset]
