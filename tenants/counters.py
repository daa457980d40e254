"""Exact counters: quotas of an organization, members of a project, and what other apps declare.

A counter changes by a single statement on the row that holds it, so that racing requests queue on
that row and the last seat goes to one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Coalesce

from common.models import Entity


class QuotaExceeded(Exception):
    """An organization has no room left. Carries the quota's name, its limit and its use."""

    def __init__(self, quota: str, *, limit: int, used: int, asked: int):
        super().__init__(
            f"The quota of {quota} is {limit}; {used} are used and {asked} were asked."
        )
        self.quota = quota
        self.limit = limit
        self.used = used
        self.asked = asked


@dataclass(frozen=True)
class Counter:
    """`holder.field` is `total` over the `source` rows whose `key` is the holder's primary key.

    `ends` are foreign keys of the source: it does not count once a row at one of them is deleted.
    """

    holder: str
    field: str
    source: str
    key: str
    total: models.Aggregate
    ends: tuple[str, ...] = ()

    def holder_model(self) -> Any:
        return apps.get_model(self.holder)

    def source_model(self) -> Any:
        return apps.get_model(self.source)

    def causes(self) -> dict[Any, str]:
        """The models whose deletion changes it, and how the source names their rows."""
        fields = {name: self.source_model()._meta.get_field(name) for name in self.ends}
        return {self.source_model(): "pk"} | {
            field.related_model: name for name, field in fields.items()
        }

    def holders(self, organization_id: UUID) -> Any:
        """Those of an organization; the deleted ones are counted when they come back."""
        return _living(self.holder_model()).filter(organization_id=organization_id)


COUNTERS = [
    Counter(
        "tenants.OrganizationUsage", "users", "tenants.User", "organization_id", models.Count("pk")
    ),
    Counter(
        "tenants.OrganizationUsage",
        "projects",
        "tenants.Project",
        "organization_id",
        models.Count("pk"),
    ),
    Counter(
        "tenants.Project",
        "member_count",
        "tenants.ProjectMember",
        "project_id",
        models.Count("pk"),
        ends=("project", "user"),
    ),
]

_LIMITS: dict[str, Any] = {
    "users": F("max_users"),
    "projects": F("max_projects"),
    # PostgreSQL multiplies integers as integers, of which 3 GB are too many.
    "storage_bytes": Cast("max_storage_gb", models.BigIntegerField()) * Value(10**9),
}


def register(counter: Counter) -> None:
    """Declare a counter of another app, once, when the app is ready."""
    if counter not in COUNTERS:
        COUNTERS.append(counter)


def claim(organization_id: UUID, quota: str, amount: int = 1) -> None:
    """Take `amount` of a quota (users, projects, storage_bytes) or raise QuotaExceeded."""
    usage, organization = _usage(organization_id), apps.get_model("tenants.Organization")
    room = organization._base_manager.filter(pk=organization_id).values(
        room=_LIMITS[quota] - Value(amount, output_field=models.BigIntegerField())
    )
    if not usage.filter(**{f"{quota}__lte": Subquery(room)}).update(**{quota: F(quota) + amount}):
        limit = organization._base_manager.filter(pk=organization_id).values_list(_LIMITS[quota])
        raise QuotaExceeded(
            quota,
            limit=limit.get()[0],
            used=usage.values_list(quota, flat=True).get(),
            asked=amount,
        )


def release(organization_id: UUID, quota: str, amount: int = 1) -> None:
    """Give back `amount` of a quota."""
    _usage(organization_id).update(**{quota: F(quota) - amount})


def add(holder: models.Model, field: str, amount: int) -> None:
    """Change a counter of a row by `amount`, and the instance in hand with it."""
    type(holder)._base_manager.filter(pk=holder.pk).update(**{field: F(field) + amount})
    setattr(holder, field, getattr(holder, field) + amount)


def queue_up(organization_id: UUID | None, causes: Iterable[Any]) -> None:
    """Wait for one's turn to change an organization's usage, when a change of `causes` does.

    Whoever changes several counters begins with this one: nobody waits for anybody in a circle.
    """
    usage = apps.get_model("tenants.OrganizationUsage")
    if any(c.holder_model() is usage and c.causes().keys() & set(causes) for c in COUNTERS):
        list(_usage(organization_id).select_for_update().values_list("pk"))


def holders_of(rows: dict[Any, list[Any]], *, restored: bool = False) -> dict[Counter, set[Any]]:
    """Find whose counters change with these rows: for each counter the holders' primary keys.

    `rows` are querysets by model. Deleted holders are left out, unless they come back, too.
    """
    found = {}
    for counter in COUNTERS:
        keys = set()
        for model, name in counter.causes().items():
            for query in rows.get(model, ()):
                counted = counter.source_model()._base_manager.filter(
                    **{f"{name}__in": query.values("pk")}
                )
                keys |= set(counted.order_by().values_list(counter.key, flat=True).distinct())
        if keys and not restored:
            keys = set(
                _living(counter.holder_model()).filter(pk__in=keys).values_list("pk", flat=True)
            )
        if keys:
            found[counter] = keys
    return found


def hold(holders: dict[Counter, set[Any]]) -> None:
    """Lock the rows whose counters are about to change, before the rows that these count.

    Whoever deletes a conversation begins with it; who deletes one of its messages does as well.
    """
    for counter, keys in holders.items():
        _lock(counter.holder_model()._base_manager.filter(pk__in=keys))


def recount(
    organization_id: UUID | None, holders: dict[Counter, set[Any]], *, claim: bool = False
) -> None:
    """Set counters to what they are. With `claim`, refuse to let one grow past its quota."""
    before = _usage(organization_id).values().first() or {}
    for counter, keys in holders.items():
        _recount(counter.holder_model()._base_manager.filter(pk__in=keys), counter)
    if claim:
        _refuse_growth(organization_id, before)


def recount_all(organization_id: UUID) -> None:
    """Set every counter of an organization to what it is."""
    for counter in COUNTERS:
        _recount(counter.holders(organization_id), counter)


def drift(counter: Counter, organization_id: UUID) -> Any:
    """The holders whose counter is wrong: (primary key, what it says, what it should say)."""
    return (
        counter.holders(organization_id)
        .annotate(actual=actual(counter))
        .exclude(**{counter.field: F("actual")})
        .order_by("pk")
        .values_list("pk", counter.field, "actual")
    )


def _recount(holders: Any, counter: Counter) -> None:
    """Lock the holders first: the statement after that sees all that others have committed."""
    _lock(holders)
    holders.exclude(**{counter.field: actual(counter)}).update(**{counter.field: actual(counter)})


def _lock(holders: Any) -> None:
    list(holders.select_for_update().order_by("pk").values_list("pk"))


def actual(counter: Counter) -> Coalesce:
    """What the counter should say, as an expression on its holder."""
    source = apps.get_model(counter.source)
    total = (
        source._default_manager.filter(**{counter.key: OuterRef("pk")})
        .order_by()
        .values(counter.key)
        .values(total=counter.total)
    )
    return Coalesce(Subquery(total), 0, output_field=models.BigIntegerField())


def _refuse_growth(organization_id: UUID | None, before: dict[str, Any]) -> None:
    after = _usage(organization_id).values().first() or {}
    organizations: Any = apps.get_model("tenants.Organization")._base_manager
    limits = organizations.filter(pk=organization_id)
    found = limits.values_list(*_LIMITS.values()).first()
    for quota, limit in zip(_LIMITS, found or (), strict=False):
        used, grown = before.get(quota, 0), after.get(quota, 0) - before.get(quota, 0)
        if grown > 0 and used + grown > limit:
            raise QuotaExceeded(quota, limit=limit, used=used, asked=grown)


def _living(model: Any) -> Any:
    rows = model._base_manager.all()
    return rows.filter(is_deleted=False) if issubclass(model, Entity) else rows


def _usage(organization_id: UUID | None) -> Any:
    return apps.get_model("tenants.OrganizationUsage").objects.filter(pk=organization_id)
