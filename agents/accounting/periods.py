"""Days and months of budgets. They begin at midnight UTC, for every organization."""

from datetime import UTC, date, datetime, time, timedelta

from agents.models import Budget

MONTH = Budget.Period.MONTH


def start_of(period: str, at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day.replace(day=1) if period == MONTH else day


def end_of(period: str, starts_on: date) -> date:
    """The first day that is no longer of the period."""
    if period == MONTH:
        return (starts_on + timedelta(days=32)).replace(day=1)
    return starts_on + timedelta(days=1)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def renews_at(period: str, at: datetime) -> datetime:
    return midnight(end_of(period, start_of(period, at)))
