"""Mails to people as jobs, and the sweep of what sign-ins leave behind."""

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from common import jobs
from tenants import lookup, mails, throttle

QUEUE = "people"
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
