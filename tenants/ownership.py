"""An organization that has an owner keeps one: somebody living and active with the role Owner.

Whoever takes ownership away waits for the organization's usage row first, so that of two owners who
remove each other at the same moment one stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import router, transaction

from tenants.models import OrganizationUsage, User, UserRole
from tenants.permissions import OWNER


class LastOwner(Exception):
    """What was asked would have left an organization without an owner; nothing of it is done."""

    def __init__(self) -> None:
        super().__init__("An organization keeps an owner: give somebody else the role Owner first.")


@contextmanager
def keeping_an_owner(organization_id: UUID | None) -> Iterator[None]:
    """Undo what is done inside, and raise LastOwner, when it leaves no owner where there was one.

    Platform staff, who have no organization, own none.
    """
    with transaction.atomic(using=router.db_for_write(User)):
        if organization_id is None:
            yield
            return
        usage = OrganizationUsage.objects.filter(pk=organization_id)
        list(usage.select_for_update().values_list("pk"))
        had_one = _owners(organization_id).exists()
        yield
        if had_one and not _owners(organization_id).exists():
            raise LastOwner


def keeping_an_owner_without(row: Any) -> Any:
    """The same for the deletion of a row: of a person. An organization may go with its owners."""
    organization_id = row.organization_id if isinstance(row, User) else None
    return keeping_an_owner(organization_id)


def _owners(organization_id: UUID) -> Any:
    return UserRole.objects.filter(
        organization_id=organization_id,
        role__organization=None,
        role__name=OWNER,
        user__is_active=True,
    )
