"""Jobs: queued together with the rows they are about, and taken up again when their worker died."""

import logging
from functools import cache
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import router, transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer, Status
from procrastinate.manager import JobManager

logger = logging.getLogger(__name__)

KEPT_HOURS = 24 * 7  # how long jobs that failed can be looked at; what succeeded goes at once

# What keeps the queue itself going must not wait behind all that is in it.
MAINTENANCE_PRIORITY = 100


@cache
def _through(alias: str) -> JobManager:
    """In a worker the app has a connection of its own; a job belongs into its row's transaction."""
    return JobManager(DjangoConnector(alias=alias))


def defer(
    task: Any, *, queueing_lock: str | None = None, priority: int | None = None, **arguments: Any
) -> bool:
    """Queue a job in the caller's transaction; False when one with that lock is waiting already.

    A worker takes the highest priority first; without one it is the task's.
    """
    job = task.configure(queueing_lock=queueing_lock, priority=priority).job
    alias = router.db_for_write(apps.get_model("procrastinate.ProcrastinateJob"))
    try:
        with transaction.atomic(using=alias):
            JobDeferrer(job_manager=_through(alias), job=job).defer(**arguments)
    except exceptions.AlreadyEnqueued:
        return False
    return True


async def retry_stalled(queue: str) -> None:
    """Let the jobs of a queue run again whose worker has died. Runs in a worker.

    They may run twice: a worker that was only slow goes on with what it has begun.
    """
    worker: dict[str, Any] = settings.PROCRASTINATE_WORKER_DEFAULTS
    stalled = await app.job_manager.get_stalled_jobs(
        queue=queue, seconds_since_heartbeat=worker["stalled_worker_timeout"]
    )
    for job in stalled:
        logger.warning("The worker of %s died; the job runs again.", job.call_string)
        try:
            await app.job_manager.retry_job(job)
        except exceptions.UniqueViolation:
            # Another job for the same thing waits in the queue: one of the two is enough.
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        except exceptions.ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
            logger.info("Another worker has taken up job %s.", job.id)


async def remove_old_jobs(queue: str) -> None:
    """Forget the jobs of a queue that ended without success long ago. Runs in a worker."""
    await app.job_manager.delete_old_jobs(
        nb_hours=KEPT_HOURS,
        queue=queue,
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )
