"""What was deleted, in the lists of the admin: for those who may delete, when they ask for it."""

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from unfold.admin import ModelAdmin

from common.models import Entity
from tenants import deletion
from tenants.counters import QuotaExceeded

PARAMETER, DELETED = "deleted", "yes"


class DeletedFilter(SimpleListFilter):
    """Living rows, or deleted ones instead. It comes first: it replaces what there is to filter."""

    title = "deleted"
    parameter_name = PARAMETER

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        self.model_admin = model_admin

    def lookups(self, request, model_admin):
        return [(DELETED, "Deleted")]

    def choices(self, changelist):
        living, *others = super().choices(changelist)
        return [living | {"display": "Living"}, *others]

    def queryset(self, request, queryset):
        return self.model_admin.deleted_rows(request) if self.value() == DELETED else queryset


class TrashAdmin(ModelAdmin):
    """An admin in whose list deleted rows can be looked at and restored, and nothing else done."""

    def has_trash(self, request):
        return issubclass(self.model, Entity) and self.has_delete_permission(request)

    def shows_deleted(self, request):
        return request.GET.get(PARAMETER) == DELETED and self.has_trash(request)

    def deleted_rows(self, request):
        """The deleted rows of which somebody could see the living ones."""
        rows = self.model.all_objects.deleted() if self.has_trash(request) else None
        if rows is None:
            return self.model._default_manager.none()
        is_limited = hasattr(rows, "visible_to") and not request.user.acts_as_platform
        return rows.visible_to(request.user) if is_limited else rows

    def get_list_filter(self, request):
        filters = super().get_list_filter(request)
        return [DeletedFilter, *filters] if self.has_trash(request) else filters

    def get_list_display(self, request):
        shown = super().get_list_display(request)
        return [*shown, "deleted_at"] if self.shows_deleted(request) else shown

    def get_list_display_links(self, request, list_display):
        """A deleted row has no page."""
        if self.shows_deleted(request):
            return None
        return super().get_list_display_links(request, list_display)

    def get_ordering(self, request):
        ordering = super().get_ordering(request)
        return ["-deleted_at", "id"] if self.shows_deleted(request) else ordering

    def get_actions(self, request):
        if not self.shows_deleted(request):
            return super().get_actions(request)
        function, name, description = self.get_action("restore")
        return {name: (function, name, description)}

    @admin.action(description="Restore", permissions=["delete"])
    def restore(self, request, queryset):
        restored = 0
        for row in queryset:
            try:
                self._restore(request, row)
                restored += 1
            except (deletion.RestoreConflict, QuotaExceeded) as conflict:
                self.message_user(request, str(conflict), messages.ERROR)
        if restored:
            self.message_user(request, f"Restored {restored}.", messages.SUCCESS)

    def _restore(self, request, row):
        if not self.has_delete_permission(request, row):
            raise deletion.RestoreConflict(f"{row}: this is not yours to restore.")
        deletion.restore(row)
