"""Turns as jobs, and what makes sure that none is forgotten."""

from contextlib import suppress
from uuid import UUID

from django.db import connection
from procrastinate.contrib.django import app

from agents.accounting.records import settle_lost
from agents.models import Message
from agents.runtime import events, turn
from agents.runtime.recovery import PATIENCE_SECONDS
from common import jobs
from tenants.context import acting_for

QUEUE = "turns"
SWEPT_AT_ONCE = 1_000
OVERDUE_SECONDS = 60.0  # beyond the longest that a turn and its end may take


@app.task(queue=QUEUE)
async def run_turn(*, organization_id: str, reply_id: str) -> None:
    """Answer a pending reply. One that has ended stays; one that a lost worker began ends."""
    await turn.run(UUID(organization_id), UUID(reply_id))


def queue_turn(organization_id: UUID, reply_id: UUID) -> bool:
    """Queue the turn of a reply with the caller's transaction, unless it is queued already."""
    return jobs.defer(
        run_turn,
        queueing_lock=f"turn:{reply_id}",
        organization_id=str(organization_id),
        reply_id=str(reply_id),
    )


@app.periodic(cron="* * * * * */5")
@app.task(queue=QUEUE, queueing_lock="agents.retry", priority=jobs.MAINTENANCE_PRIORITY)
async def retry_stalled_turns(timestamp: int) -> None:
    """Take up again what a worker was doing when it died."""
    await jobs.retry_stalled(QUEUE)


@app.periodic(cron="* * * * * */10")
@app.task(queue=QUEUE, queueing_lock="agents.sweep", priority=jobs.MAINTENANCE_PRIORITY)
def queue_lost_turns(timestamp: int) -> int:
    """Queue the pending replies without a job: restored, loaded, or their job failed. Return how
    many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM agents_find_lost_replies(%s)", [SWEPT_AT_ONCE])
        lost = cursor.fetchall()
    return sum(queue_turn(*ids) for ids in lost)


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="agents.settle", priority=jobs.MAINTENANCE_PRIORITY)
def settle_lost_calls(timestamp: int) -> int:
    """Settle the calls of models whose process is gone. Return how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM agents_find_lost_calls(%s)", [SWEPT_AT_ONCE])
        lost = cursor.fetchall()
    settled = 0
    for organization_id, call_id in lost:
        with acting_for(organization_id):
            settled += settle_lost(call_id)
    return settled


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="agents.overdue", priority=jobs.MAINTENANCE_PRIORITY)
def end_overdue_turns(timestamp: int) -> int:
    """End the replies that were begun longer ago than any turn lasts. Return how many.

    There are none, unless a worker lost the database at the end of a turn and lives on: to the
    queue its job is running still.
    """
    longest = int(turn.LONGEST_TURN_SECONDS + PATIENCE_SECONDS + OVERDUE_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM agents_find_overdue_replies(%s, %s)", [longest, SWEPT_AT_ONCE]
        )
        overdue = cursor.fetchall()
    return sum(_interrupt(*ids) for ids in overdue)


def _interrupt(organization_id: UUID, reply_id: UUID) -> bool:
    with suppress(events.TurnEnded), acting_for(organization_id):
        events.end(reply_id, Message.Status.INTERRUPTED, "interrupted")
        return True
    return False


@app.periodic(cron="37 3 * * *")
@app.task(queue=QUEUE, queueing_lock="agents.tidy", priority=jobs.MAINTENANCE_PRIORITY)
async def remove_old_jobs(timestamp: int) -> None:
    """Forget jobs that failed long ago."""
    await jobs.remove_old_jobs(QUEUE)
