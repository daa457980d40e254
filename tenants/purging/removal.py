"""Removing deleted rows of an organization, batch by batch."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from common.models import Entity
from tenants.belongings import BEING_PURGED, parents_of, take_what_was_left_behind
from tenants.context import acting_for
from tenants.purging import farewell, files
from tenants.purging.references import (
    Reference,
    is_leaf,
    models_of_organizations,
    owners_of,
    references_to,
)
from tenants.purging.tally import Tally

AT_ONCE = 100  # rows of a transaction; what only belongs to them (postings, events) goes with them


class Removal:
    """One run over the rows of an organization, or with None over those of the platform itself.

    `before` is when a deletion must have been. A dry run takes the same way and only counts.
    """

    takes_living = False

    def __init__(
        self,
        organization_id: UUID | None,
        *,
        before: datetime,
        dry_run: bool = False,
        progress: Callable[[Tally], None] = lambda tally: None,
    ):
        self.organization_id = organization_id
        self.before = before
        self.dry_run = dry_run
        self.tally = Tally()
        self._progress = progress
        self._counted: dict[Any, set[Any]] = {}

    def run(self) -> Tally:
        if self.organization_id and not self.dry_run:
            with self.transaction():
                take_what_was_left_behind(self.organization_id)
        for model in models_of_organizations():
            if issubclass(model, Entity):
                self._remove_due(model)
        self.remove_leftover_files()
        return self.tally

    def transaction(self) -> AbstractContextManager[Any]:
        if self.organization_id:
            return acting_for(self.organization_id)
        return transaction.atomic(using=DEFAULT_DB_ALIAS)

    def rows(self, model: Any) -> QuerySet:
        return model._base_manager.filter(organization_id=self.organization_id)

    # Where a deletion began

    def _remove_due(self, model: Any) -> None:
        with self.transaction():
            roots = list(
                self._roots(model).order_by("deleted_at", "pk").values_list("pk", flat=True)
            )
        for at in range(0, len(roots), AT_ONCE):
            claimed = self._claim(model, roots[at : at + AT_ONCE])
            if claimed:
                self.remove(model, claimed)

    def _due(self, model: Any) -> QuerySet:
        is_old = Q(deleted_at__lt=self.before) | Q(deletion_id=BEING_PURGED)
        return self.rows(model).filter(is_old, is_deleted=True)

    def _roots(self, model: Any) -> QuerySet:
        """Those due that did not go with a row that they belong to: that one takes them along."""
        due = self._due(model)
        for field in parents_of(model):
            taken_along = field.related_model._base_manager.filter(
                pk=OuterRef(field.attname), deletion_id=OuterRef("deletion_id")
            )
            due = due.exclude(Exists(taken_along))
        return due

    def _claim(self, model: Any, keys: Collection[Any]) -> list[Any]:
        """Mark rows so that nobody can restore them; leave those that somebody just does."""
        with self.transaction():
            due = self._due(model).filter(pk__in=keys)
            if self.dry_run:
                return list(due.values_list("pk", flat=True))
            locked = due.order_by().select_for_update(skip_locked=True)
            claimed = list(locked.values_list("pk", flat=True))
            self.rows(model).filter(pk__in=claimed).update(deletion_id=BEING_PURGED)
        self.tally.kept += len(keys) - len(claimed)
        return claimed

    # Rows, and what refers to them

    def remove(self, model: Any, keys: Collection[Any]) -> None:
        """Remove rows, and before them what belongs to them. What must be kept is counted."""
        if self.dry_run:
            keys = self._not_counted(model, keys)
        if not keys:
            return
        for reference in references_to(model):
            if not reference.belongs:
                self._forget(reference, keys)
            elif is_leaf(reference.model):
                self._remove_leaves(reference, keys)
            else:
                for children in self.batches(self._removable(reference.rows(keys))):
                    self.remove(reference.model, children)
        self._remove_rows(model, keys)
        self._progress(self.tally)

    def batches(self, rows: QuerySet) -> Iterator[list[Any]]:
        """Yield primary keys, each batch read in a transaction of its own."""
        rows, last = rows.order_by("pk"), None
        while True:
            with self.transaction():
                further = rows.filter(pk__gt=last) if last else rows
                keys = list(further.values_list("pk", flat=True)[:AT_ONCE])
            if not keys:
                return
            yield keys
            last = keys[-1]

    def _removable(self, rows: QuerySet) -> QuerySet:
        if self.takes_living or not issubclass(rows.model, Entity):
            return rows
        return rows.filter(is_deleted=True)

    def _remove_leaves(self, reference: Reference, keys: Collection[Any]) -> None:
        with self.transaction():
            rows = reference.rows(keys)
            if not self.dry_run:
                count = rows._raw_delete(rows.db)
            elif len(owners_of(reference.model)) > 1:  # a row may be met twice
                count = len(self._not_counted(reference.model, rows.values_list("pk", flat=True)))
            else:
                count = rows.count()
        self.tally.rows[reference.model] += count

    def _forget(self, reference: Reference, keys: Collection[Any]) -> None:
        """Let rows that stay no longer name what goes, where their key may be null."""
        if self.dry_run or not reference.field.null:
            return
        for batch in self.batches(reference.rows(keys)):
            with self.transaction():
                naming = reference.rows(keys).filter(pk__in=batch)
                locked = naming.order_by().select_for_update(skip_locked=True, no_key=True)
                found = list(locked.values_list("pk", flat=True))
                naming.filter(pk__in=found).update(**{reference.name: None})

    def _remove_rows(self, model: Any, keys: Collection[Any]) -> None:
        """Remove those of the rows to which nothing refers any more, then their files."""
        rows = self._removable(model._base_manager.filter(pk__in=list(keys)))
        with self.transaction():
            going = list(keys) if self.dry_run else self._lock_free_rows(rows)
            stored = files.stored(model._base_manager.filter(pk__in=going))
            if not self.dry_run:
                farewell.before_removal(model, going)
            count = len(going) if self.dry_run or not going else self._delete(model, going)
        self.tally.rows[model] += count
        with self.transaction():
            self.tally.kept += rows.exclude(pk__in=going).count()
        self._remove_files(stored)

    def _lock_free_rows(self, rows: QuerySet) -> list[Any]:
        locked = rows.order_by().select_for_update(skip_locked=True)
        free = set(locked.values_list("pk", flat=True))
        return list(free - self._referred_to(rows.model, free))

    def _referred_to(self, model: Any, keys: Collection[Any]) -> set[Any]:
        """Those of the rows, which the caller holds, that something refers to."""
        found: set[Any] = set()
        for reference in references_to(model) if keys else ():
            naming = reference.rows(keys).order_by().values_list(reference.field.attname, flat=True)
            found |= set(naming.distinct())
        return found

    def _delete(self, model: Any, keys: Collection[Any]) -> int:
        rows = model._base_manager.filter(pk__in=keys)
        return rows._raw_delete(rows.db)

    def _not_counted(self, model: Any, keys: Any) -> list[Any]:
        """Those of the keys that a dry run has not counted by another way; they are from now on."""
        counted = self._counted.setdefault(model, set())
        new = [key for key in keys if key not in counted]
        counted.update(new)
        return new

    # Files

    def remove_leftover_files(self) -> None:
        if self.organization_id:
            with self.transaction():
                found = list(files.leftover(self.organization_id, whatever_age=self.takes_living))
            self._remove_files(found)

    def _remove_files(self, stored: Collection[files.Stored]) -> None:
        for file in stored:
            self.tally.bytes += file.size()
            self.tally.files += 1
            if not self.dry_run:
                file.remove()
