"""Soft delete: what belongs to a row goes with it and comes back with it.

A row belongs to another when its foreign key says CASCADE. All that goes in one deletion carries
the same `deletion_id`.

Platform staff's login cannot reach content. What it deletes or restores takes effect first; then
the application does the rest, acting for the organization. The content of a deleted organization
stays as it is: nobody can act for that one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, router, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from psycopg.errors import UniqueViolation

from common.ids import uuid7
from common.models import Entity
from tenants import counters
from tenants.audit.actor import Actor, acted_by, current_actor
from tenants.context import PLATFORM_ALIAS, acting_for, is_acting_as_platform
from tenants.control_plane import platform_models
from tenants.ownership import keeping_an_owner_without

LIVING = {"is_deleted": False, "deleted_at": None, "deletion_id": None}

Rows = dict[type[Entity], list[QuerySet]]  # rows of several models, by one query or more each


class RestoreConflict(Exception):
    """A living row has taken what the deleted one needs (a unique value), or its parent is gone."""


def delete(row: Any) -> UUID:
    """Delete a row and all that belongs to it; return the id of the deletion.

    One that was deleted before stays as it is. The last owner of an organization raises LastOwner.
    """
    state = {"is_deleted": True, "deleted_at": timezone.now(), "deletion_id": uuid7()}
    with transaction.atomic(using=_alias(row)), keeping_an_owner_without(row):
        counters.queue_up(_organization_id(row), _reachable(type(row)))
        itself = type(row)._base_manager.filter(pk=row.pk)
        counters.hold(counters.holders_of({type(row): [itself]}))
        itself.select_for_update().first()  # who is adding to the row ends first, or sees it gone
        if itself.filter(is_deleted=False).update(**state):
            _take_all_belongings(row, state)
            _then_for_the_organization(row, lambda: _take_all_belongings(row, state))
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
            counters.queue_up(_organization_id(row), _reachable(type(row)))
            rows = type(row)._base_manager.filter(pk=row.pk)
            counters.hold(counters.holders_of({type(row): [rows]}, restored=True))
            itself = rows.select_for_update().get()
            if itself.is_deleted:
                _refuse_deleted_parent(itself)
                _restore_all(itself, claim=True)
                _then_for_the_organization(itself, lambda: _restore_all(itself, claim=False))
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise RestoreConflict(
            f"{row} cannot come back: another has its name or address by now."
        ) from error
    _set(row, LIVING)


def what_goes_with(rows: Iterable[Any]) -> Iterator[tuple[type[Entity], int]]:
    """Count, model by model, what a deletion of these rows (of one model) would take along."""
    rows = list(rows)
    if not rows:
        return
    found: Rows = defaultdict(list)
    _find_belongings(type(rows[0])._base_manager.filter(pk__in=[row.pk for row in rows]), found)
    for model, queries in found.items():
        either = Q()
        for query in queries:
            either |= Q(pk__in=query.values("pk"))
        others = model._base_manager.filter(either)
        if model is type(rows[0]):
            others = others.exclude(pk__in=[row.pk for row in rows])
        yield model, others.count()


def _take_all_belongings(row: Any, state: dict[str, Any]) -> None:
    """Delete what belongs to a row that was just deleted, and count anew."""
    itself = type(row)._base_manager.filter(pk=row.pk)
    taken: Rows = defaultdict(list, {type(row): [itself]})
    _take_belongings(itself, state, taken)
    counters.recount(_organization_id(row), counters.holders_of(taken))


def _take_belongings(parents: QuerySet, state: dict[str, Any], taken: Rows) -> None:
    for child, field in _belongings(parents.model):
        children = child._base_manager.filter(**{f"{field}__in": parents.values("pk")})
        taken_now = children.filter(is_deleted=False).update(**state)
        gone = children.filter(deletion_id=state["deletion_id"])
        # What went before may hold more: platform staff's login took it and reached no further.
        if taken_now or (child is not parents.model and gone.exists()):
            taken[child].append(gone)
            _take_belongings(gone, state, taken)


def _find_belongings(parents: QuerySet, found: Rows) -> None:
    for child, field in _belongings(parents.model):
        children = child._base_manager.filter(
            **{f"{field}__in": parents.values("pk")}, is_deleted=False
        )
        if children.exists():
            found[child].append(children)
            _find_belongings(children, found)


def _refuse_deleted_parent(row: Any) -> None:
    for parent in _parents_of(type(row)):
        parents = parent.related_model._base_manager.filter(pk=getattr(row, parent.attname))
        if deleted := parents.filter(is_deleted=True).first():
            raise RestoreConflict(f"Restore {deleted} first: {row} belongs to it.")


def _restore_all(row: Any, *, claim: bool) -> None:
    models = _reachable(type(row))
    while sum(_leave_to_other_deletions(model, row.deletion_id) for model in models):
        pass  # what belongs to the rows just left goes with them
    taken: Rows = {
        model: [model._base_manager.filter(deletion_id=row.deletion_id)] for model in models
    }
    holders = counters.holders_of(taken, restored=True)
    for model in models:
        model._base_manager.filter(deletion_id=row.deletion_id).update(**LIVING)
    counters.recount(_organization_id(row), holders, claim=claim)


def _then_for_the_organization(row: Any, step: Callable[[], None]) -> None:
    """Have the application's login finish what platform staff's cannot, once that is committed."""
    if is_acting_as_platform() and type(row)._meta.label != "tenants.Organization":
        finish = partial(Context().run, _finish, row, step, current_actor())
        transaction.on_commit(finish, using=PLATFORM_ALIAS)


def _finish(row: Any, step: Callable[[], None], actor: Actor | None) -> None:
    if row.organization_id is not None:
        with acted_by(actor), acting_for(row.organization_id):
            counters.queue_up(row.organization_id, _reachable(type(row)))
            step()


def _leave_to_other_deletions(model: type[Entity], deletion_id: UUID) -> int:
    """Hand over to another deletion what has a parent in it; return how many rows that were."""
    moved = 0
    for field in _parents_of(model):
        others = field.related_model._base_manager.filter(is_deleted=True)
        others = others.exclude(deletion_id=deletion_id)
        rows = model._base_manager.filter(
            **{f"{field.name}__in": others.values("pk")}, deletion_id=deletion_id
        )
        parent = others.filter(pk=OuterRef(field.attname))
        moved += rows.update(deletion_id=Subquery(parent.values("deletion_id")))
    return moved


def _reachable(model: type[Entity]) -> set[type[Entity]]:
    """The model and all whose rows can go with one of its rows."""
    found, waiting = {model}, [model]
    while waiting:
        children = {child for child, _ in _belongings(waiting.pop())} - found
        found |= children
        waiting += children
    return found


def _belongings(model: Any) -> Iterator[tuple[type[Entity], str]]:
    """Yield (child model, name of its foreign key) for what belongs to a row of the model."""
    within_reach = platform_models() if is_acting_as_platform() else None
    for relation in model._meta.get_fields(include_hidden=True):
        if (
            relation.one_to_many
            and relation.auto_created
            and relation.on_delete.__name__ == "CASCADE"
            and issubclass(relation.related_model, Entity)
            and (within_reach is None or relation.related_model in within_reach)
        ):
            yield relation.related_model, relation.field.name


def _parents_of(model: Any) -> list[Any]:
    """The foreign keys of a model that say what its rows belong to."""
    return [
        field
        for field in model._meta.fields
        if field.many_to_one
        and field.remote_field.on_delete.__name__ == "CASCADE"
        and issubclass(field.related_model, Entity)
    ]


def _set(row: Any, state: dict[str, Any]) -> None:
    for field, value in state.items():
        setattr(row, field, value)


def _alias(row: Any) -> str:
    return router.db_for_write(type(row), instance=row)


def _organization_id(row: Any) -> UUID | None:
    return row.pk if row._meta.label == "tenants.Organization" else row.organization_id
