"""What is written to the audit trail by hand: events that change no row, such as signing in."""

from typing import Any

from tenants.audit.actor import Actor, current_actor
from tenants.audit.triggers import Audited
from tenants.context import is_acting_as_platform
from tenants.models import AuditEntry, AuditSeal
from tenants.models.role import PLATFORM_SCOPE


def record(
    action: str, *, subject: Any = None, detail: dict[str, Any] | None = None, content: bool = False
) -> AuditEntry:
    """Write an event about a row, in the transaction of the block that this is called in.

    Inside `acting_for` the entry is the organization's, inside `acting_as_platform` the
    platform's. Raises NoOrganization outside both.
    """
    actor = current_actor() or Actor(way="")
    about: dict[str, Any] = {}
    if subject is not None:
        about = {
            "object_type": subject._meta.label,
            "object_id": subject.pk,
            "object_name": _title(subject),
        }
    if is_acting_as_platform():
        about["organization_id"] = PLATFORM_SCOPE
    entry = AuditEntry.objects.create(
        action=action,
        after=detail,
        is_content=content,
        actor_id=actor.id,
        actor_name=actor.name,
        acting_as=actor.acting_as,
        way=actor.way,
        address=actor.address,
        **about,
    )
    AuditSeal.objects.create(organization_id=entry.organization_id, entry_id=entry.pk)
    return entry


def _title(subject: Any) -> str:
    """What the triggers call the row."""
    audited = next(c for c in subject._meta.constraints if isinstance(c, Audited))
    return str(getattr(subject, audited.title))[:255]
