"""Sums over the records of usage."""

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate

from agents.accounting.periods import midnight
from agents.models import AgentConfig, UsageRecord
from tenants.models import Project, User
from tenants.permissions import Permissions

# What sums can be told apart by, and the columns of each.
GROUPS: dict[str, dict[str, Any]] = {
    "day": {"day": TruncDate("started_at", tzinfo=UTC)},
    "model": {"provider": F("provider"), "model": F("model_name")},
    "agent": {"agent": F("agent_id")},
    "user": {"user": F("user_id")},
    "project": {"project": F("project_id")},
}
MAX_ROWS = 2_000


class TooManyRows(Exception):
    """More sums than an answer holds: ask for fewer days, or tell fewer things apart."""

    def __init__(self) -> None:
        super().__init__(
            f"These are more than {MAX_ROWS:,} sums. Ask for fewer days, or group by less."
        )


def usage_sums(*, since: date, until: date, group_by: Sequence[str], by: User) -> list[dict]:
    """Sum the organization's usage from one day to another (UTC, both included) in one statement.

    The sums come in the order of what they are grouped by. Raises TooManyRows.
    """
    columns = {name: column for group in group_by for name, column in GROUPS[group].items()}
    days = UsageRecord.objects.filter(
        started_at__gte=midnight(since), started_at__lt=midnight(until + timedelta(days=1))
    )
    grouped = days.order_by().values(
        **{f"by_{name}": column for name, column in columns.items()}, by_currency=F("currency")
    )
    sums = grouped.annotate(
        calls=Count("pk"),
        not_completed=Count("pk", filter=~Q(outcome=UsageRecord.Outcome.COMPLETED)),
        sum_input=Sum("input_tokens"),
        sum_cached=Sum("cached_tokens"),
        sum_output=Sum("output_tokens"),
        sum_cost=Sum("cost"),
        unpriced=Count("pk", filter=Q(cost=None)),
    ).order_by(*(f"by_{name}" for name in columns), "by_currency")
    rows = [_row(dict(found)) for found in sums[: MAX_ROWS + 1]]
    if len(rows) > MAX_ROWS:
        raise TooManyRows
    for group in group_by:
        _name(rows, group, by)
    return rows


_SUMS = {
    "sum_input": "input_tokens",
    "sum_cached": "cached_tokens",
    "sum_output": "output_tokens",
    "sum_cost": "cost",
}


def _row(found: Any) -> dict[str, Any]:
    return {_SUMS.get(name, name.removeprefix("by_")): value for name, value in found.items()}


def _name(rows: list[dict[str, Any]], group: str, by: User) -> None:
    """Name the rows of a group, as far as somebody may see what they are of."""
    if group not in ("agent", "user", "project"):
        return
    ids = {row[group] for row in rows} - {None}
    names = dict(_nameable(group, by).filter(pk__in=ids).values_list("pk", _NAMES[group]))
    for row in rows:
        row[f"{group}_name"] = names.get(row[group])


_NAMES = {"agent": "name", "user": "username", "project": "name"}


def _nameable(group: str, by: Any) -> Any:
    if group == "user":
        return User.objects.all() if by.has_perm(Permissions.USERS_VIEW) else User.objects.none()
    rows: Any = AgentConfig.objects if group == "agent" else Project.objects
    return rows.visible_to(by)
