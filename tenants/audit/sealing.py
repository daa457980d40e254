"""The hash chain of an organization's audit trail.

Writers never wait for each other: an entry is written unsealed, and a job gives it its place in
the chain soon after. From then on nothing in the entry, nor its place, can change unnoticed.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

from django.db import connections, router, transaction

from tenants.models import AuditEntry, AuditSeal

FIRST = "0" * 64  # stands before the first entry of a chain
BATCH = 1_000
# What a digest covers, in this order. A column that comes later is not among them.
SEALED = (
    "id",
    "organization_id",
    "created_at",
    "action",
    "object_type",
    "object_id",
    "object_name",
    "is_content",
    "before",
    "after",
    "actor_id",
    "actor_name",
    "acting_as",
    "way",
    "address",
)

_PLACE = """
    UPDATE tenants_auditseal seal SET position = place.position, digest = place.digest
    FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS place (entry_id, position, digest)
    WHERE seal.organization_id = %s AND seal.entry_id = place.entry_id
"""


def digest(before: str, entry: AuditEntry) -> str:
    """Return the SHA-256 of an entry and the digest before it, in hexadecimal, 64 characters."""
    values = [before, *(_text(entry, name) for name in SEALED)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _text(entry: AuditEntry, name: str) -> str | None:
    value = getattr(entry, name)
    if value is None:
        return None
    if name in ("before", "after"):
        return json.dumps(value, sort_keys=True)
    if name == "created_at":
        return value.isoformat(timespec="milliseconds")  # as much as a dump holds of it
    return str(value)


def seal(organization_id: UUID, limit: int = BATCH) -> int:
    """Give unsealed entries of an organization their places, oldest first; return how many.

    To be called while acting for it. Two that seal at once queue on the oldest entry; a place
    that both would give breaks a constraint.
    """
    alias = router.db_for_write(AuditSeal)
    seals = AuditSeal.objects.filter(organization_id=organization_id)
    with transaction.atomic(using=alias):
        waiting = seals.filter(position=None).order_by("entry_id").select_for_update()
        ids = list(waiting.values_list("entry_id", flat=True)[:limit])
        entries = AuditEntry.objects.filter(organization_id=organization_id, pk__in=ids)
        last: Any = seals.exclude(position=None).order_by("-position").first()
        position, before = (last.position, last.digest) if last else (0, FIRST)
        places = []
        for entry in entries.order_by("pk"):
            position, before = position + 1, digest(before, entry)
            places.append((entry.pk, position, before))
        if places:
            with connections[alias].cursor() as cursor:
                cursor.execute(_PLACE, [*map(list, zip(*places, strict=True)), organization_id])
    return len(places)
