"""What is done in the background: mails to people, the rest of deletions whose process died, the
sweep of what sign-ins leave behind, and the sealing of the audit trail."""

from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from common import jobs
from tenants import lookup, mails, throttle
from tenants.audit.sealing import BATCH, seal
from tenants.belongings import settle
from tenants.context import acting_as_platform, acting_for
from tenants.models.role import PLATFORM_SCOPE

QUEUE = "people"
CHAINS_AT_ONCE = 1_000
_SEVERAL_TIMES = RetryStrategy(max_attempts=5, exponential_wait=4)  # within twenty-odd minutes


@app.task(queue=QUEUE, retry=_SEVERAL_TIMES)
def mail_password_reset(*, user_id: str) -> None:
    """Send somebody the link to choose a password with; nothing when there is nobody such."""
    if user := lookup.find_by_id(UUID(user_id)):
        mails.mail_password_reset(user)


@app.task(queue=QUEUE, retry=_SEVERAL_TIMES)
def mail_email_verification(*, user_id: str) -> None:
    """Send somebody the link to confirm their address with."""
    if user := lookup.find_by_id(UUID(user_id)):
        mails.mail_email_verification(user)


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="tenants.retry", priority=jobs.MAINTENANCE_PRIORITY)
async def retry_stalled_mails(timestamp: int) -> None:
    """Take up again what a worker was doing when it died."""
    await jobs.retry_stalled(QUEUE)


@app.periodic(cron="*/15 * * * *")
@app.task(queue=QUEUE, queueing_lock="tenants.attempts", priority=jobs.MAINTENANCE_PRIORITY)
def forget_attempts(timestamp: int) -> int:
    """Forget counts whose window has ended; return how many."""
    return throttle.sweep()


@app.periodic(cron="47 3 * * *")
@app.task(queue=QUEUE, queueing_lock="tenants.tidy", priority=jobs.MAINTENANCE_PRIORITY)
async def remove_old_jobs(timestamp: int) -> None:
    """Forget jobs that failed long ago."""
    await jobs.remove_old_jobs(QUEUE)


@app.periodic(cron="* * * * * */15")
@app.task(queue=QUEUE, queueing_lock="tenants.seal", priority=jobs.MAINTENANCE_PRIORITY)
def seal_audit_trail(timestamp: int) -> int:
    """Seal what was written to the audit trail since the last time; return how many entries."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenants_find_unsealed(%s)", [CHAINS_AT_ONCE])
        waiting = [organization_id for (organization_id,) in cursor.fetchall()]
    return sum(_seal_all(organization_id) for organization_id in waiting)


def _seal_all(organization_id: UUID) -> int:
    is_platforms = organization_id == PLATFORM_SCOPE
    sealed = 0
    while True:
        with acting_as_platform() if is_platforms else acting_for(organization_id):
            now = seal(organization_id)
        sealed += now
        if now < BATCH:
            return sealed


@app.task(queue=QUEUE, retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def settle_deletion(*, organization_id: str, model: str, key: str, deletion_id: str) -> None:
    """Bring what belongs to a row to what has become of a deletion of it."""
    settle(UUID(organization_id), apps.get_model(model), UUID(key), UUID(deletion_id))


def queue_settling(organization_id: UUID, model: Any, key: UUID, deletion_id: UUID) -> None:
    """Queue the rest of a deletion or of its undoing in the transaction of the caller's change."""
    jobs.defer(
        settle_deletion,
        organization_id=str(organization_id),
        model=model._meta.label,
        key=str(key),
        deletion_id=str(deletion_id),
    )
