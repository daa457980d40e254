"""Whether the audit trail is as it was sealed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from tenants.audit.sealing import FIRST, digest
from tenants.models import AuditEntry, AuditSeal

_AT_ONCE = 2_000


@dataclass
class Verified:
    """What was found of one chain. `faults` are sentences; `head` is its last digest."""

    sealed: int = 0
    unsealed: int = 0
    head: str = FIRST
    faults: list[str] = field(default_factory=list)


def verify(organization_id: UUID, known: dict[int, str] | None = None) -> Verified:
    """Follow the chain of an organization from its first entry.

    `known` gives digests by position that were noted before: a chain that was cut short, or made
    anew from some place on, differs there.
    """
    found = Verified()
    known = dict(known or {})
    for seal, entry in _chain(organization_id):
        found.faults += _faults(found, seal, entry)
        found.sealed, found.head = seal.position, seal.digest
        if known.pop(seal.position, seal.digest) != seal.digest:
            found.faults.append(f"position {seal.position} has another digest than was noted")
    found.faults += [f"position {position} is gone" for position in sorted(known)]
    seals = AuditSeal.objects.filter(organization_id=organization_id)
    found.unsealed = seals.filter(position=None).count()
    found.faults += [f"entry {pk} has lost its seal" for pk in _without_seal(organization_id)]
    return found


def chains() -> list[UUID]:
    """The organizations that have a trail; one of zeros is the platform's own."""
    ids = AuditSeal.objects.values_list("organization_id", flat=True).distinct()
    return sorted(ids.order_by())


def _faults(found: Verified, seal: Any, entry: AuditEntry | None) -> Iterator[str]:
    if seal.position != found.sealed + 1:
        yield f"positions {found.sealed + 1} to {seal.position - 1} are gone"
    if entry is None:
        yield f"position {seal.position}: entry {seal.entry_id} is gone"
    elif digest(found.head, entry) != seal.digest:
        yield f"position {seal.position}: entry {entry.pk} is not what was sealed there"


def _chain(organization_id: UUID) -> Iterator[tuple[Any, AuditEntry | None]]:
    seals = AuditSeal.objects.filter(organization_id=organization_id).order_by("position")
    entries = AuditEntry.objects.filter(organization_id=organization_id)
    page: list[Any]
    after: Any = 0
    while page := list(seals.filter(position__gt=after)[:_AT_ONCE]):
        by_id = entries.in_bulk([seal.entry_id for seal in page])
        for seal in page:
            yield seal, by_id.get(seal.entry_id)
        after = page[-1].position


def _without_seal(organization_id: UUID) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM tenants_auditentry entry WHERE organization_id = %s AND NOT EXISTS ("
            " SELECT FROM tenants_auditseal seal"
            " WHERE seal.organization_id = entry.organization_id AND seal.entry_id = entry.id"
            ") ORDER BY id LIMIT 100",
            [organization_id],
        )
        return [pk for (pk,) in cursor.fetchall()]
