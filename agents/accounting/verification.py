"""Whether what budgets count is what the records, and the calls that run, say."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from agents.accounting.budgets import NOTHING, hold_records, recorded
from agents.accounting.periods import start_of
from agents.accounting.records import worst_of
from agents.models import BudgetPeriod, OpenCall


class Drift(NamedTuple):
    """A row that says something else than what it should."""

    period: Any
    used: Decimal
    reserved: Decimal

    def __str__(self) -> str:
        row = self.period
        return (
            f"budget {row.budget_id} from {row.starts_on} on: says {row.used:f} used and"
            f" {row.reserved:f} reserved, there are {self.used:f} and {self.reserved:f}"
        )


def drifts(organization_id: UUID) -> Iterator[Drift]:
    """The wrong rows of an organization, which the caller acts for. Nothing is recorded until the
    transaction ends; who reserves waits for no more than the rows in question."""
    hold_records(organization_id)
    rows = BudgetPeriod.objects.select_related("budget").order_by("budget_id", "starts_on")
    for row in rows.select_for_update(of=("self",), no_key=True):
        used = recorded(row.budget, row.starts_on)
        reserved = _reserved(row)
        if (row.used, row.reserved) != (used, reserved):
            yield Drift(row, used, reserved)


def repair(drift: Drift) -> None:
    BudgetPeriod.objects.filter(pk=drift.period.pk).update(used=drift.used, reserved=drift.reserved)


def _reserved(row: Any) -> Decimal:
    calls = OpenCall.objects.filter(budgets__contains=[row.budget_id])
    return sum(
        (
            worst_of(call).of(row.budget)
            for call in calls
            if start_of(row.budget.period, call.started_at) == row.starts_on
        ),
        NOTHING,
    )
