"""The files that rows name, and those that no row names any more.

A file of an organization lies in the directory that is called by the organization's id.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import FileField, QuerySet
from django.utils import timezone

from tenants.purging.references import models_of_organizations

# A file that no row names may be that of an upload that goes on at this moment.
YOUNGEST_LEFTOVER = timedelta(days=1)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """A file of a storage, which may be gone by now."""

    storage: Any
    name: str

    def size(self) -> int:
        """The size in bytes; 0 when there is no such file."""
        try:
            return self.storage.size(self.name)
        except FileNotFoundError:
            return 0

    def remove(self) -> None:
        """Remove it. One that cannot be removed is logged, and left over to the next run."""
        try:
            self.storage.delete(self.name)
        except OSError as error:
            logger.warning("The file %s cannot be removed: %s", self.name, error)


def stored(rows: QuerySet) -> list[Stored]:
    """The files that rows name and that are there."""
    found = []
    for field in _file_fields(rows.model):
        names = rows.exclude(**{field.name: ""}).values_list(field.name, flat=True)
        found += [Stored(field.storage, name) for name in names if field.storage.exists(name)]
    return found


def leftover(organization_id: UUID, *, whatever_age: bool = False) -> Iterator[Stored]:
    """The files of an organization, older than a day, that no row of it names."""
    for model in models_of_organizations():
        for field in _file_fields(model):
            rows = model._base_manager.filter(organization_id=organization_id)
            named = set(rows.exclude(**{field.name: ""}).values_list(field.name, flat=True))
            for name in _names(field.storage, str(organization_id)):
                if name not in named and (whatever_age or _is_old(field.storage, name)):
                    yield Stored(field.storage, name)


def remove_directory(organization_id: UUID) -> None:
    """Remove the directory of an organization whose files are gone, where storages have one."""
    for model in models_of_organizations():
        for field in _file_fields(model):
            if field.storage.exists(str(organization_id)):
                Stored(field.storage, str(organization_id)).remove()


def _file_fields(model: Any) -> list[Any]:
    return [field for field in model._meta.concrete_fields if isinstance(field, FileField)]


def _names(storage: Any, directory: str) -> list[str]:
    try:
        return [f"{directory}/{name}" for name in storage.listdir(directory)[1]]
    except FileNotFoundError:
        return []


def _is_old(storage: Any, name: str) -> bool:
    try:
        return timezone.now() - storage.get_modified_time(name) > YOUNGEST_LEFTOVER
    except FileNotFoundError:
        return False
