"""Budgets with what is used of them, and the records of usage to read."""

from django.contrib import admin
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.paginator import InfinitePaginator

from agents.accounting.budgets import plain, state_of, with_state
from agents.api.budgets import FIXED
from agents.models import Budget, UsageRecord
from tenants.admin.base import TIMES, OrganizationAdmin, ReadOnly
from tenants.models import OrganizationUsage

NUMBERS = ["input_tokens", "cached_tokens", "output_tokens", "cost", "currency"]


@admin.register(Budget)
class BudgetAdmin(OrganizationAdmin):
    """What may be used of models in each day or month (UTC). What one counts stays."""

    list_display = ["shown", "project", "agent", "user", "used", "renews"]
    list_select_related = ["project", "agent", "user"]
    list_filter = [
        "unit",
        "period",
        ("project", AutocompleteSelectFilter),
        ("agent", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
    ]
    search_fields = ["name"]
    ordering = ["-id"]
    autocomplete_fields = ["project", "agent", "user"]
    fieldsets = [
        (
            "Of what",
            {
                "fields": ["project", "agent", "user"],
                "description": "Of the whole organization where nothing is chosen.",
            },
        ),
        ("How much", {"fields": ["name", "limit", "unit", "currency", "period"]}),
        ("Use", {"fields": ["used", "renews"]}),
        TIMES,
    ]
    readonly_fields = ["used", "renews"]
    taken = {"agents_budget_once": ("period", "There is such a budget already: change its limit.")}

    def get_readonly_fields(self, request, obj=None):
        return [*super().get_readonly_fields(request, obj), *(FIXED if obj else [])]

    def get_changelist_instance(self, request):
        found = super().get_changelist_instance(request)
        found.result_list = with_state(list(found.result_list))
        return found

    def get_fieldsets(self, request, obj=None):
        """Of a new budget nothing is used that anybody could say."""
        found = super().get_fieldsets(request, obj)
        return found if obj else [entry for entry in found if entry[0] != "Use"]

    @admin.display(description="budget", ordering="limit")
    def shown(self, budget):
        return str(budget)

    @admin.display(description="used")
    def used(self, budget):
        used = _state(budget).used
        share = f" ({used / budget.limit:.0%})" if budget.limit else ""
        return f"{plain(used)} of {plain(budget.limit)}{share}"

    @admin.display(description="renews at")
    def renews(self, budget):
        return _state(budget).renews_at


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnly, OrganizationAdmin):
    """What each call of a model used and cost."""

    governed_by = OrganizationUsage
    list_display = ["started_at", "model_name", "provider", *NUMBERS, "outcome", "reason"]
    list_display_links = ["started_at"]
    list_filter = ["provider", "outcome", "started_at"]
    search_fields = ["model_name", "=reply_id", "=user_id", "=agent_id"]
    ordering = ["-id"]
    paginator = InfinitePaginator
    fieldsets = [
        (None, {"fields": ["started_at", "outcome", "reason", "first_token_ms", "whole_ms"]}),
        ("Model", {"fields": ["provider", "model_name"]}),
        (
            "Use",
            {
                "fields": [
                    *NUMBERS,
                    "is_estimated",
                    "input_price",
                    "cached_price",
                    "output_price",
                ]
            },
        ),
        (
            "Whose",
            {
                "fields": [
                    "project_id",
                    "agent_id",
                    "agent_version_id",
                    "user_id",
                    "token_id",
                    "reply_id",
                ]
            },
        ),
    ]

    def get_readonly_fields(self, request, obj=None):
        return [name for _, options in self.fieldsets for name in options["fields"]]


def _state(budget):
    if not hasattr(budget, "state"):
        budget.state = state_of(budget, timezone.now())
    return budget.state
