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
from django.db.models.functions import Coalesce


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

    `depends` are further models whose deletion changes what the source shows.
    """

    holder: str
    field: str
    source: str
    key: str
    total: models.Aggregate
    depends: tuple[str, ...] = ()

    def holder_model(self) -> type[models.Model]:
        return apps.get_model(self.holder)

    def labels(self) -> set[str]:
        return {self.source, *self.depends}


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
        depends=("tenants.User",),
    ),
]

_LIMITS: dict[str, Any] = {
    "users": F("max_users"),
    "projects": F("max_projects"),
    "storage_bytes": F("max_storage_gb") * Value(10**9, output_field=models.BigIntegerField()),
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


def recount(
    organization_id: UUID | None, *, sources: Iterable[type[models.Model]], claim: bool = False
) -> None:
    """Set what depends on `sources` to what it is. With `claim`, refuse to pass a quota.

    The holders are locked first: the statement after that sees all that others have committed.
    """
    if organization_id is None:
        return
    labels = {source._meta.label for source in sources}
    for counter in COUNTERS:
        if labels & counter.labels():
            _recount(counter, organization_id)
    if claim:
        _refuse_overuse(organization_id)


def recount_all(organization_id: UUID) -> None:
    """Set every counter of an organization to what it is."""
    for counter in COUNTERS:
        _recount(counter, organization_id)


def drift(counter: Counter, organization_id: UUID) -> Any:
    """The holders whose counter is wrong: (primary key, what it says, what it should say)."""
    holders = counter.holder_model()._base_manager.filter(organization_id=organization_id)
    return (
        holders.annotate(actual=actual(counter))
        .exclude(**{counter.field: F("actual")})
        .order_by("pk")
        .values_list("pk", counter.field, "actual")
    )


def _recount(counter: Counter, organization_id: UUID) -> None:
    holders = counter.holder_model()._base_manager.filter(organization_id=organization_id)
    list(holders.select_for_update().order_by("pk").values_list("pk"))
    holders.exclude(**{counter.field: actual(counter)}).update(**{counter.field: actual(counter)})


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


def _refuse_overuse(organization_id: UUID) -> None:
    usage = _usage(organization_id).values().get()
    limits: Any = apps.get_model("tenants.Organization")._base_manager.filter(pk=organization_id)
    for quota, limit in limits.values(**_LIMITS).get().items():
        if usage[quota] > limit:
            raise QuotaExceeded(quota, limit=limit, used=usage[quota], asked=0)


def _usage(organization_id: UUID) -> Any:
    return apps.get_model("tenants.OrganizationUsage").objects.filter(pk=organization_id)
