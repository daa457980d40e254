"""Soft delete: what belongs to a row goes with it and comes back with it.

A row belongs to another when its foreign key says CASCADE. All that goes in one deletion carries
the same `deletion_id`. Platform staff cannot reach content: when they delete a project or a person,
what these hold stays as it is, out of everybody's reach with its parent, until it is purged with it.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import IntegrityError, router, transaction
from django.utils import timezone

from common.ids import uuid7
from common.models import Entity
from tenants import counters
from tenants.context import is_acting_as_platform
from tenants.control_plane import platform_models


class RestoreConflict(Exception):
    """A living row has taken what the deleted one needs (a unique value), or its parent is gone."""


def delete(row: Entity) -> UUID:
    """Delete a row and all that belongs to it; return the id of the deletion."""
    deletion_id = uuid7()
    gone = {"is_deleted": True, "deleted_at": timezone.now(), "deletion_id": deletion_id}
    with transaction.atomic(using=_alias(row)):
        type(row)._base_manager.filter(pk=row.pk, is_deleted=False).update(**gone)
        touched = {type(row)}
        while changed := _delete_children(touched, gone):
            touched |= changed
        counters.recount(_organization_id(row), sources=touched)
    for field, value in gone.items():
        setattr(row, field, value)
    return deletion_id


def _delete_children(parents: set[type[Entity]], gone: dict[str, Any]) -> set[type[Entity]]:
    """Delete the living children of what this deletion took; return their models."""
    changed = set()
    for parent in parents:
        for child, field in _belongings(parent):
            taken = {f"{field}__deletion_id": gone["deletion_id"], "is_deleted": False}
            if child._base_manager.filter(**taken).update(**gone):
                changed.add(child)
    return changed


def restore(row: Entity) -> None:
    """Bring back all that went in the deletion that took this row, or raise RestoreConflict."""
    if not row.is_deleted:
        return
    living = {"is_deleted": False, "deleted_at": None, "deletion_id": None}
    try:
        with transaction.atomic(using=_alias(row)):
            models = _reachable(type(row))
            for model in models:
                model._base_manager.filter(deletion_id=row.deletion_id).update(**living)
            if parent := _deleted_parent(row):
                raise RestoreConflict(f"Restore {parent} first: {row} belongs to it.")
            counters.recount(_organization_id(row), sources=models, claim=True)
    except IntegrityError as error:
        raise RestoreConflict(
            f"{row} cannot come back: another has its name or address by now."
        ) from error
    for field, value in living.items():
        setattr(row, field, value)


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


def _deleted_parent(row: Any) -> Any:
    for field in row._meta.fields:
        if field.many_to_one and field.remote_field.on_delete.__name__ == "CASCADE":
            if not issubclass(field.related_model, Entity):
                continue
            parents = field.related_model._base_manager.filter(pk=getattr(row, field.attname))
            if parent := parents.filter(is_deleted=True).first():
                return parent
    return None


def _alias(row: Entity) -> str:
    return router.db_for_write(type(row), instance=row)


def _organization_id(row: Any) -> UUID | None:
    return row.pk if row._meta.label == "tenants.Organization" else row.organization_id
