"""The audit trail is sealed in the background."""

from uuid import UUID

from django.db import connection
from procrastinate.contrib.django import app

from common import jobs
from tenants.audit.sealing import BATCH, seal
from tenants.audit.triggers import PLATFORM_ID
from tenants.context import acting_as_platform, acting_for

CHAINS_AT_ONCE = 1_000


@app.periodic(cron="* * * * * */15")
@app.task(queue=jobs.BACKGROUND, queueing_lock="tenants.seal", priority=jobs.MAINTENANCE_PRIORITY)
def seal_audit_trail(timestamp: int) -> int:
    """Seal what was written to the audit trail since the last time; return how many entries."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenants_find_unsealed(%s)", [CHAINS_AT_ONCE])
        waiting = [organization_id for (organization_id,) in cursor.fetchall()]
    return sum(_seal_all(organization_id) for organization_id in waiting)


def _seal_all(organization_id: UUID) -> int:
    is_platforms = organization_id == UUID(PLATFORM_ID)
    sealed = 0
    while True:
        with acting_as_platform() if is_platforms else acting_for(organization_id):
            now = seal(organization_id)
        sealed += now
        if now < BATCH:
            return sealed
