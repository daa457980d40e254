"""Removing for good what was deleted long enough ago: rows, what belongs to them, and files.

It runs as the owner, in short transactions, and may stop anywhere: the next run goes on. First the
row that a deletion began with is claimed, after which it cannot be restored; then what belongs to
it goes, children first; then the row itself. A row goes before its file, so that a file without a
row is what a crash leaves, and is found.

What refers to a row that goes says in its foreign key what happens to it: with CASCADE it belongs
to the row and goes, too; else the key is set to null where it may be, and where not, the row stays
until nothing refers to it. Nothing living is removed, but for the rows of a deleted organization.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from tenants.models import Organization
from tenants.purging.organization import WholeOrganization
from tenants.purging.removal import Removal
from tenants.purging.tally import Tally

__all__ = ["Tally", "purge_organization", "purge_platform"]

PLATFORM_RETENTION_DAYS = 30  # of people, tokens and roles that belong to no organization


def purge_organization(
    organization: Organization,
    *,
    older_than: int | None = None,
    dry_run: bool = False,
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Remove what of an organization was deleted `older_than` days ago, or its own number of days.

    One that was itself deleted so long ago goes with all that it has.
    """
    before = _days_ago(organization.retention_days if older_than is None else older_than)
    whole = WholeOrganization(organization.pk, before=before, dry_run=dry_run, progress=progress)
    return whole.run() if whole.is_due() else _purge(organization.pk, before, dry_run, progress)


def purge_platform(
    *,
    older_than: int | None = None,
    dry_run: bool = False,
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Remove what was deleted of the platform's own: its staff, and their tokens."""
    before = _days_ago(PLATFORM_RETENTION_DAYS if older_than is None else older_than)
    return _purge(None, before, dry_run, progress)


def _purge(
    organization_id: UUID | None,
    before: datetime,
    dry_run: bool,
    progress: Callable[[Tally], None],
) -> Tally:
    return Removal(organization_id, before=before, dry_run=dry_run, progress=progress).run()


def _days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)
