from django.contrib import admin
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from tenants.admin.base import PartInline, ReadOnly, UnloggedAdmin

admin.site.unregister(ProcrastinateJob)  # in place of procrastinate's own

COLORS = {
    "todo": "info",
    "doing": "warning",
    "succeeded": "success",
    "failed": "danger",
    "aborted": "danger",
}


class EventInline(PartInline):
    model = ProcrastinateEvent
    fields = ["type", "at"]
    readonly_fields = ["type", "at"]
    ordering = ["at", "id"]
    verbose_name = "event"
    verbose_name_plural = "events"


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnly, UnloggedAdmin):
    """Background work, for platform staff to watch. Jobs carry ids, no content."""

    list_display = ["id", "task_name", "queue_name", "shown_status", "attempts", "scheduled_at"]
    list_filter = ["status"]
    search_fields = ["task_name", "queue_name"]
    ordering = ["-id"]
    paginator = InfinitePaginator
    show_full_result_count = False
    fields = ["task_name", "queue_name", "status", "args", "lock", "queueing_lock", "priority"]
    fields += ["scheduled_at", "attempts", "worker"]
    inlines = [EventInline]

    def lookup_allowed(self, lookup, value, request):
        """Statuses that there are: PostgreSQL, whose own type they have, fails on all others."""
        if lookup.split("__")[0] == "status":
            return lookup == "status__exact" and value in ProcrastinateJob.STATUSES
        return super().lookup_allowed(lookup, value, request)

    @display(description="status", ordering="status", label=COLORS)
    def shown_status(self, job):
        return job.status
