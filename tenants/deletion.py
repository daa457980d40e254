"""Soft delete: what belongs to a row goes with it and comes back with it (`tenants.belongings`).

Platform staff's login cannot reach content. What it deletes or restores takes effect first; then
the application does the rest, acting for the organization: at once, and should this process die
before, by a job that was queued with the change. The content of a deleted organization stays as it
is: nobody can act for that one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextvars import Context
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connections, router, transaction
from django.db.models import Q
from django.utils import timezone
from psycopg.errors import UniqueViolation

from common.ids import uuid7
from common.models import Entity
from tenants import counters
from tenants.audit.actor import Actor, acted_by, current_actor
from tenants.belongings import (
    BEING_PURGED,
    LIVING,
    Rows,
    find_belongings,
    organization_id_of,
    parents_of,
    reachable,
    restore_all,
    settle,
    take_all_belongings,
)
from tenants.context import PLATFORM_ALIAS, is_acting_as_platform
from tenants.ownership import keeping_an_owner_without
from tenants.tasks import queue_settling


class RestoreConflict(Exception):
    """A living row has taken what the deleted one needs (a unique value), its parent is gone, or it
    is being removed for good. The message says what to do."""


class Gone(Exception):
    """What was to be changed or added to is deleted by now. `field` names the reference to it."""

    def __init__(self, field: str | None = None):
        super().__init__("This has just been deleted.")
        self.field = field


def delete(row: Any) -> UUID:
    """Delete a row and all that belongs to it; return the id of the deletion.

    One that was deleted before stays as it is. The last owner of an organization raises LastOwner.
    """
    deletion_id = uuid7()
    state = {"is_deleted": True, "deleted_at": timezone.now(), "deletion_id": deletion_id}
    with transaction.atomic(using=_alias(row)), keeping_an_owner_without(row):
        counters.queue_up(organization_id_of(row), reachable(type(row)))
        itself = type(row)._base_manager.filter(pk=row.pk)
        counters.hold(counters.holders_of({type(row): [itself]}))
        itself.select_for_update().first()  # who is adding to the row ends first, or sees it gone
        if itself.filter(is_deleted=False).update(**state):
            take_all_belongings(row, state)
            _then_for_the_organization(row, deletion_id)
        else:
            state = itself.values(*LIVING).get()
            if not state["is_deleted"]:
                raise PermissionDenied(f"{row} cannot be deleted from here.")
    _set(row, state)
    return row.deletion_id


def restore(row: Any) -> None:
    """Bring back all that went in the deletion that took this row, or raise RestoreConflict.

    What belongs to a row of another deletion, too, is left to that one, and comes back with it.
    """
    try:
        with transaction.atomic(using=_alias(row)):
            counters.queue_up(organization_id_of(row), reachable(type(row)))
            rows = type(row)._base_manager.filter(pk=row.pk)
            counters.hold(counters.holders_of({type(row): [rows]}, restored=True))
            itself = rows.select_for_update().get()
            if itself.is_deleted:
                _refuse_what_cannot_come_back(itself)
                restore_all(itself, itself.deletion_id, claim=True)
                _then_for_the_organization(itself, itself.deletion_id)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise RestoreConflict(
            f"{row} cannot come back: another has its name or address by now. "
            "Rename or delete that one first."
        ) from error
    _set(row, LIVING)


def what_goes_with(rows: Iterable[Any]) -> Iterator[tuple[type[Entity], int]]:
    """Count, model by model, what a deletion of these rows (of one model) would take along."""
    rows = list(rows)
    if not rows:
        return
    found: Rows = defaultdict(list)
    find_belongings(type(rows[0])._base_manager.filter(pk__in=[row.pk for row in rows]), found)
    for model, queries in found.items():
        either = Q()
        for query in queries:
            either |= Q(pk__in=query.values("pk"))
        others = model._base_manager.filter(either)
        if model is type(rows[0]):
            others = others.exclude(pk__in=[row.pk for row in rows])
        yield model, others.count()


def hold(row: Any, *, field: str | None = None) -> None:
    """Keep a row from being deleted until the transaction ends, or raise Gone: it is deleted.

    Whoever adds to a row holds it first; several may at once. Who changes counters of the
    organization does that before, as a deletion does.
    """
    alias = _alias(row)
    living = type(row)._base_manager.using(alias).filter(pk=row.pk, is_deleted=False).values("pk")
    sql, parameters = living.query.get_compiler(alias).as_sql()
    with connections[alias].cursor() as cursor:
        cursor.execute(f"{sql} FOR SHARE", parameters)
        if cursor.fetchone() is None:
            raise Gone(field)


def hold_to_change(row: Any) -> None:
    """The same for a row that is itself to be written: one at a time."""
    living = type(row)._base_manager.filter(pk=row.pk, is_deleted=False)
    if not list(living.select_for_update(no_key=True).values_list("pk")):
        raise Gone


def hold_parents(row: Any) -> None:
    """Hold all that a row, which may not be saved yet, belongs to within its organization."""
    for field in parents_of(type(row)):
        key = getattr(row, field.attname)
        if key is not None and field.related_model._meta.label != "tenants.Organization":
            hold(field.related_model(pk=key), field=field.name)


def _refuse_what_cannot_come_back(row: Any) -> None:
    if row.deletion_id == BEING_PURGED:
        raise RestoreConflict(f"{row} cannot come back: it is being removed for good.")
    for parent in parents_of(type(row)):
        parents = parent.related_model._base_manager.filter(pk=getattr(row, parent.attname))
        if deleted := parents.filter(is_deleted=True).first():
            raise RestoreConflict(f"Restore {deleted} first: {row} belongs to it.")


def _then_for_the_organization(row: Any, deletion_id: UUID) -> None:
    """Have the application's login finish what platform staff's cannot, once that is committed."""
    if not is_acting_as_platform() or row._meta.label == "tenants.Organization":
        return
    if row.organization_id is not None:
        rest = (row.organization_id, type(row), row.pk, deletion_id)
        queue_settling(*rest)
        finish = partial(Context().run, _settle_for, current_actor(), *rest)
        transaction.on_commit(finish, using=PLATFORM_ALIAS, robust=True)


def _settle_for(actor: Actor | None, *rest: Any) -> None:
    with acted_by(actor):
        settle(*rest)


def _set(row: Any, state: dict[str, Any]) -> None:
    for field, value in state.items():
        setattr(row, field, value)


def _alias(row: Any) -> str:
    return router.db_for_write(type(row), instance=row)
