"""Whether what budgets count is what the records, and the calls that run, say."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from agents.accounting.budgets import NOTHING, hold_records, recorded
from agents.accounting.periods import start_of
from agents.accounting.records import worst_of
from agents.models import BudgetPeriod, OpenCall
from tenants.context import acting_for


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


def drifts(organization_id: UUID, *, mend: bool = False) -> Iterator[Drift]:
    """The wrong rows of an organization, set right with `mend`. Each is looked at in a transaction
    of its own, during which the organization's calls wait to be recorded."""
    with acting_for(organization_id, read_only=True):
        keys = list(BudgetPeriod.objects.order_by("budget_id", "starts_on").values_list("pk"))
    for (key,) in keys:
        with acting_for(organization_id):
            drift = _drift(organization_id, key)
            if drift and mend:
                row = BudgetPeriod.objects.filter(pk=key)
                row.update(used=drift.used, reserved=drift.reserved)
        if drift:
            yield drift


def _drift(organization_id: UUID, key: Any) -> Drift | None:
    hold_records(organization_id)
    rows = BudgetPeriod.objects.select_related("budget").filter(pk=key)
    row: Any = rows.select_for_update(of=("self",), no_key=True).first()
    if row is None:
        return None
    used, reserved = recorded(row.budget, row.starts_on), _reserved(row)
    return None if (row.used, row.reserved) == (used, reserved) else Drift(row, used, reserved)


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
