"""Budgets: taking what a call may use at worst, and giving back what it did not.

`BudgetPeriod.used` is at all times the sum of the period's records. A period's row is made when
somebody first needs it, from the records there are by then; from there on each record is added in
the transaction that writes it. So that no record is counted twice or not at all, who makes a row
waits for those who are just writing records of the organization, and they wait for it (`_fence`).
The rows of several budgets are locked in the order of the budgets' ids, by everybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, Sum
from django.utils import timezone

from agents.accounting.periods import end_of, midnight, renews_at, start_of
from agents.accounting.prices import Model, Price
from agents.models import Budget, BudgetPeriod, UsageRecord
from agents.providers.protocol import Usage

WARN_FROM = Decimal("0.8")
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Caller:
    """For whom a model is called: what records name, and which budgets hold."""

    organization_id: UUID
    user_id: UUID | None = None
    project_id: UUID | None = None
    agent_id: UUID | None = None
    agent_version_id: UUID | None = None
    token_id: UUID | None = None
    reply_id: UUID | None = None

    @classmethod
    def in_conversation(cls, conversation: Any, **more: UUID | None) -> "Caller":
        return cls(
            organization_id=conversation.organization_id,
            user_id=conversation.user_id,
            project_id=conversation.project_id,
            agent_id=conversation.agent_id,
            **more,
        )

    @classmethod
    def of_reply(cls, reply: Any) -> "Caller":
        return cls.in_conversation(
            reply.conversation,
            agent_version_id=reply.agent_version_id,
            token_id=reply.asked_with,
            reply_id=reply.pk,
        )


@dataclass(frozen=True)
class Amount:
    """Tokens, and what they cost; None where that is not known."""

    tokens: int
    cost: Decimal | None
    currency: str

    def of(self, budget: Budget) -> Decimal:
        """What counts for a budget. Money of another currency, or of no known amount, does not."""
        if budget.unit == Budget.Unit.TOKENS:
            return Decimal(self.tokens)
        return self.cost or NOTHING if self.currency == budget.currency else NOTHING

    def is_known_in(self, budget: Budget) -> bool:
        if budget.unit == Budget.Unit.TOKENS or self.cost == 0:
            return True
        return self.cost is not None and self.currency == budget.currency


def amount_of(price: Price, usage: Usage) -> Amount:
    return Amount(usage.input_tokens + usage.output_tokens, price.total(usage), price.currency)


@dataclass(frozen=True)
class State:
    """How a budget stands in a period."""

    budget: Budget
    used: Decimal
    renews_at: datetime

    def as_data(self) -> dict[str, Any]:
        """As events and problems show it; amounts are exact, as texts."""
        budget = self.budget
        return {
            "budget": str(budget.pk),
            "name": budget.name,
            "of": [what for what in ("project", "agent", "user") if getattr(budget, f"{what}_id")]
            or ["organization"],
            "unit": budget.unit,
            "currency": budget.currency,
            "period": budget.period,
            "limit": plain(budget.limit),
            "used": plain(self.used),
            "renews_at": self.renews_at.isoformat().replace("+00:00", "Z"),
        }


class BudgetExceeded(Exception):
    """A call does not fit into a budget, of which `state` tells. Nothing was taken."""

    def __init__(self, state: State):
        budget = state.budget
        unit = "tokens" if budget.unit == Budget.Unit.TOKENS else budget.currency
        super().__init__(
            f"{_called(budget)} is {plain(budget.limit)} {unit} a {budget.period};"
            f" {plain(state.used)} are used, and this could take more than is left."
            f" It renews at {state.as_data()['renews_at']}."
        )
        self.state = state


class PriceUnknown(Exception):
    """A budget of money holds, and what the model costs in its currency is not known."""

    def __init__(self, model_name: str, budget: Budget):
        super().__init__(
            f"A budget counts {budget.currency}, and the price of the model {model_name} in"
            f" {budget.currency} is not known. Whoever administers models has to name it."
        )


def plain(amount: Decimal) -> str:
    """An amount without the zeros at its end."""
    return f"{amount.normalize():f}"


def holding_for(caller: Caller) -> list[Budget]:
    """The budgets whose use a call changes, those deleted among them, in the order of locks."""
    condition = Q()
    for name in ("project", "agent", "user"):
        fitting = Q(**{f"{name}_id": None})
        if value := getattr(caller, f"{name}_id"):
            fitting |= Q(**{f"{name}_id": value})
        condition &= fitting
    return list(Budget.all_objects.filter(condition).order_by("pk"))


def refuse_what_cannot_fit(
    budgets: Iterable[Budget], model_name: str, worst: Amount, at: datetime
) -> None:
    """Raise BudgetExceeded or PriceUnknown where a call could not be made if nobody else called."""
    for budget in budgets:
        if not worst.is_known_in(budget):
            raise PriceUnknown(model_name, budget)
        state = state_of(budget, at)
        if state.used + worst.of(budget) > budget.limit:
            raise BudgetExceeded(state)


def reserve(caller: Caller, model: Model, worst: Amount, at: datetime) -> list[Budget]:
    """Take what a call may use from all budgets that hold for it, or raise; return the budgets.

    Call it in a transaction, which is rolled back when this raises BudgetExceeded or PriceUnknown.
    """
    budgets = [] if model.is_free else _living(holding_for(caller))
    if not budgets:
        return []
    for budget in budgets:
        if not worst.is_known_in(budget):
            raise PriceUnknown(model.name, budget)
    _open_periods(caller.organization_id, budgets, at)
    taken = _take(caller.organization_id, budgets, worst, at)
    for budget in budgets:
        if budget.pk not in taken:
            budget.refresh_from_db(fields=["limit"])
            raise BudgetExceeded(state_of(budget, at))
    return budgets


def settle(
    budgets: Sequence[Budget], held: Iterable[UUID], *, worst: Amount, used: Amount, at: datetime
) -> list[State]:
    """Count what a call has used, and give back what `held` budgets had reserved for it.

    `at` is when the call began: it counts there. Return the living budgets that are nearly or
    wholly used now.
    """
    held = set(held)
    near = []
    for period in _locked(budgets, at) if used.tokens or held else []:
        budget = period.budget
        period.used += used.of(budget)
        given_back = worst.of(budget) if budget.pk in held else NOTHING
        BudgetPeriod.objects.filter(pk=period.pk).update(
            used=period.used, reserved=max(NOTHING, period.reserved - given_back)
        )
        if not budget.is_deleted and period.used >= WARN_FROM * budget.limit:
            near.append(State(budget, period.used, renews_at(budget.period, at)))
    return near


def state_of(budget: Budget, at: datetime) -> State:
    starts_on = start_of(budget.period, at)
    row = BudgetPeriod.objects.filter(budget=budget, starts_on=starts_on).first()
    used = row.used if row else recorded(budget, starts_on)
    return State(budget, used, renews_at(budget.period, at))


def with_state(budgets: list[Any]) -> list[Any]:
    """The budgets, each with its `state` just now; one statement where each has been called for."""
    now = timezone.now()
    rows = BudgetPeriod.objects.filter(_of_period(budgets, now))
    used = dict(rows.values_list("budget_id", "used"))
    for budget in budgets:
        found = used.get(budget.pk)
        if found is None:
            found = recorded(budget, start_of(budget.period, now))
        budget.state = State(budget, found, renews_at(budget.period, now))
    return budgets


def recorded(budget: Any, starts_on: date) -> Decimal:
    """What the records of a period say was used of a budget."""
    of_period = UsageRecord.objects.filter(
        organization_id=budget.organization_id,
        started_at__gte=midnight(starts_on),
        started_at__lt=midnight(end_of(budget.period, starts_on)),
    )
    for name in ("project_id", "agent_id", "user_id"):
        if value := getattr(budget, name):
            of_period = of_period.filter(**{name: value})
    if budget.unit == Budget.Unit.TOKENS:
        total = of_period.aggregate(total=Sum(F("input_tokens") + F("output_tokens")))["total"]
    else:
        total = of_period.filter(currency=budget.currency).aggregate(total=Sum("cost"))["total"]
    return Decimal(total or 0)


def wait_for_periods(organization_id: UUID) -> None:
    """Let who writes a record wait for rows of periods that are just made, and these for it."""
    _fence("pg_advisory_xact_lock_shared", organization_id)


def hold_records(organization_id: UUID) -> None:
    """Let no record of an organization be written until the transaction ends."""
    _fence("pg_advisory_xact_lock", organization_id)


def _fence(function: str, organization_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(hashtextextended(%s, 0))", [f"agents usage {organization_id}"]
        )


def _living(budgets: Iterable[Budget]) -> list[Budget]:
    return [budget for budget in budgets if not budget.is_deleted]


def _of_period(budgets: Sequence[Budget], at: datetime) -> Q:
    condition = Q(pk__in=[])
    for kind in Budget.Period:
        of_kind = [budget.pk for budget in budgets if budget.period == kind]
        if of_kind:
            condition |= Q(budget__in=of_kind, starts_on=start_of(kind, at))
    return condition


def _open_periods(organization_id: UUID, budgets: Sequence[Budget], at: datetime) -> None:
    """Make the rows that are missing, each with what the records of its period say."""
    there = BudgetPeriod.objects.filter(_of_period(budgets, at)).values_list("budget_id", flat=True)
    known = set(there)
    missing = [budget for budget in budgets if budget.pk not in known]
    if not missing:
        return
    hold_records(organization_id)
    starts = {budget.pk: start_of(budget.period, at) for budget in missing}
    BudgetPeriod.objects.bulk_create(
        [
            BudgetPeriod(
                budget=budget,
                starts_on=starts[budget.pk],
                used=recorded(budget, starts[budget.pk]),
            )
            for budget in missing
        ],
        ignore_conflicts=True,
    )


# One statement: each row is locked, in their order, before its condition is looked at, so that the
# last piece of a budget goes to one of those who race. The rows are there; nothing is inserted.
_TAKE = """
INSERT INTO agents_budgetperiod AS period (organization_id, budget_id, starts_on, used, reserved)
SELECT organization_id, id, CASE period WHEN 'month' THEN %(month)s ELSE %(day)s END, 0,
    CASE unit WHEN 'tokens' THEN %(tokens)s ELSE %(cost)s END
FROM agents_budget
WHERE organization_id = %(organization)s AND id = ANY(%(budgets)s)
ORDER BY id
ON CONFLICT (organization_id, budget_id, starts_on) DO UPDATE
SET reserved = period.reserved + excluded.reserved
WHERE excluded.reserved = 0 OR period.used + period.reserved + excluded.reserved <= (
    SELECT "limit" FROM agents_budget
    WHERE organization_id = %(organization)s AND id = period.budget_id
)
RETURNING budget_id
"""


def _take(
    organization_id: UUID, budgets: Sequence[Budget], worst: Amount, at: datetime
) -> set[UUID]:
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "budgets": [budget.pk for budget in budgets],
        "day": start_of(Budget.Period.DAY, at),
        "month": start_of(Budget.Period.MONTH, at),
        "tokens": Decimal(worst.tokens),
        "cost": worst.cost or NOTHING,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, parameters)
        return {budget_id for (budget_id,) in cursor.fetchall()}


def _locked(budgets: Sequence[Budget], at: datetime) -> list[BudgetPeriod]:
    """The rows of the period that there are, locked in the order of the budgets."""
    if not budgets:
        return []
    rows = BudgetPeriod.objects.filter(_of_period(budgets, at)).order_by("budget_id")
    found = list(rows.select_for_update(no_key=True))
    by_id = {budget.pk: budget for budget in budgets}
    for row in found:
        row.budget = by_id[row.budget_id]
    return found


def _called(budget: Budget) -> str:
    """How a budget is called towards whoever comes upon it."""
    parts = [
        f"this {what}" for what in ("user", "agent", "project") if getattr(budget, f"{what}_id")
    ]
    name = f" {budget.name}" if budget.name else ""
    return f"The budget{name} of {' with '.join(parts) or 'the organization'}"
