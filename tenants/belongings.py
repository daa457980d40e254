"""What belongs to a row, and bringing it to the state that the row's deletion has.

A row belongs to another when its foreign key says CASCADE. All that goes in one deletion carries
the same `deletion_id`.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import OuterRef, QuerySet, Subquery

from common.models import Entity
from tenants import counters
from tenants.context import acting_for, is_acting_as_platform
from tenants.control_plane import platform_models

LIVING = {"is_deleted": False, "deleted_at": None, "deletion_id": None}
BEING_PURGED = UUID(int=0)  # the deletion of what `tenants.purging` removes: it cannot be restored

Rows = dict[type[Entity], list[QuerySet]]  # rows of several models, by one query or more each


def take_all_belongings(row: Any, state: dict[str, Any]) -> None:
    """Delete what belongs to a row that was just deleted, and count anew."""
    itself = type(row)._base_manager.filter(pk=row.pk)
    taken: Rows = defaultdict(list, {type(row): [itself]})
    _take_belongings(itself, state, taken)
    counters.recount(organization_id_of(row), counters.holders_of(taken))


def restore_all(row: Any, deletion_id: UUID, *, claim: bool) -> None:
    """Bring back what went with a row in a deletion, and count anew, with `claim` within quotas."""
    models = reachable(type(row))
    while sum(_leave_to_other_deletions(model, deletion_id) for model in models):
        pass  # what belongs to the rows just left goes with them
    taken: Rows = {model: [model._base_manager.filter(deletion_id=deletion_id)] for model in models}
    holders = counters.holders_of(taken, restored=True)
    for model in models:
        model._base_manager.filter(deletion_id=deletion_id).update(**LIVING)
    counters.recount(organization_id_of(row), holders, claim=claim)


def settle(organization_id: UUID, model: Any, key: Any, deletion_id: UUID) -> None:
    """Bring what belongs to a row to what has become of one of its deletions.

    While the deletion stands it is taken along; else what it took is brought back. It may run at
    any time after the deletion, more than once, and in any order with others.
    """
    with acting_for(organization_id):
        counters.queue_up(organization_id, reachable(model))
        row = model._base_manager.select_for_update().filter(pk=key).first()
        if row is None:
            return
        if row.deletion_id == deletion_id:
            take_all_belongings(row, {name: getattr(row, name) for name in LIVING})
        else:
            restore_all(row, deletion_id, claim=False)


def take_what_was_left_behind(organization_id: UUID) -> int:
    """Delete living rows that belong to a deleted one, with its deletion; return how many.

    There are none, unless somebody added one at the very moment of the deletion. The content of a
    deleted organization is not meant. The caller acts for the organization.
    """
    entities = [model for model in apps.get_models() if issubclass(model, Entity)]
    if not any(left.exists() for model in entities for left, _ in _left_behind(model)):
        return 0
    counters.queue_up(organization_id, entities)
    taken = 0
    while more := sum(_take_left_behind(model) for model in entities):
        taken += more
    counters.recount_all(organization_id)
    return taken


def find_belongings(parents: QuerySet, found: Rows) -> None:
    """Find the living rows that belong to some, and what belongs to these."""
    for child, field in _belongings(parents.model):
        children = child._base_manager.filter(
            **{f"{field}__in": parents.values("pk")}, is_deleted=False
        )
        if children.exists():
            found[child].append(children)
            find_belongings(children, found)


def reachable(model: type[Entity]) -> set[type[Entity]]:
    """The model and all whose rows can go with one of its rows."""
    found, waiting = {model}, [model]
    while waiting:
        children = {child for child, _ in _belongings(waiting.pop())} - found
        found |= children
        waiting += children
    return found


def parents_of(model: Any) -> list[Any]:
    """The foreign keys of a model that say what its rows belong to."""
    return [
        field
        for field in model._meta.fields
        if field.many_to_one
        and field.remote_field.on_delete.__name__ == "CASCADE"
        and issubclass(field.related_model, Entity)
    ]


def organization_id_of(row: Any) -> UUID | None:
    return row.pk if row._meta.label == "tenants.Organization" else row.organization_id


def _take_belongings(parents: QuerySet, state: dict[str, Any], taken: Rows) -> None:
    for child, field in _belongings(parents.model):
        children = child._base_manager.filter(**{f"{field}__in": parents.values("pk")})
        taken_now = children.filter(is_deleted=False).update(**state)
        gone = children.filter(deletion_id=state["deletion_id"])
        # What went before may hold more: platform staff's login took it and reached no further.
        if taken_now or (child is not parents.model and gone.exists()):
            taken[child].append(gone)
            _take_belongings(gone, state, taken)


def _leave_to_other_deletions(model: type[Entity], deletion_id: UUID) -> int:
    """Hand over to another deletion what has a parent in it; return how many rows that were."""
    moved = 0
    for field in parents_of(model):
        others = field.related_model._base_manager.filter(is_deleted=True)
        others = others.exclude(deletion_id=deletion_id)
        rows = model._base_manager.filter(
            **{f"{field.name}__in": others.values("pk")}, deletion_id=deletion_id
        )
        moved += rows.update(**_deletion_of(others, field))
    return moved


def _left_behind(model: type[Entity]) -> Iterator[tuple[QuerySet, dict[str, Any]]]:
    """Yield living rows that belong to deleted ones, and how they are deleted with these."""
    for field in parents_of(model):
        if field.related_model._meta.label != "tenants.Organization":
            deleted = field.related_model._base_manager.filter(is_deleted=True)
            rows = model._base_manager.filter(
                **{f"{field.name}__in": deleted.values("pk")}, is_deleted=False
            )
            yield rows, {"is_deleted": True, **_deletion_of(deleted, field)}


def _take_left_behind(model: type[Entity]) -> int:
    return sum(rows.update(**state) for rows, state in _left_behind(model))


def _deletion_of(parents: QuerySet, field: Any) -> dict[str, Any]:
    """When and in which deletion the parent of a row went, as expressions on the row."""
    parent = parents.filter(pk=OuterRef(field.attname))
    return {name: Subquery(parent.values(name)) for name in ("deletion_id", "deleted_at")}


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
