"""Reading documents as jobs, and what makes sure that none is forgotten."""

from uuid import UUID

from django.db import connection
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from common import jobs
from knowledge import files
from knowledge.ingestion import pipeline, reembed
from knowledge.turns import next_priority

QUEUE = "ingestion"
SWEPT_AT_ONCE = 1_000
REEMBEDDING_PRIORITY = -10  # after what waits to be read, which nothing finds until then
REEMBEDDING_RETRIES = RetryStrategy(max_attempts=5, exponential_wait=6)  # 6 s to 22 min


@app.task(queue=QUEUE, pass_context=True)
def ingest_document(
    context: JobContext | None = None, *, organization_id: str, document_id: str
) -> None:
    """Read a document. One that is read already, or deleted, is left as it is."""
    pipeline.ingest(
        UUID(organization_id),
        UUID(document_id),
        should_stop=context.should_abort if context else lambda: False,
    )


def queue_ingestion(organization_id: UUID, document_id: UUID) -> bool:
    """Queue the reading of a document in the caller's transaction; False when it is queued."""
    return jobs.defer(
        ingest_document,
        queueing_lock=f"ingest:{document_id}",
        priority=next_priority(QUEUE, organization_id),
        organization_id=str(organization_id),
        document_id=str(document_id),
    )


@app.periodic(cron="* * * * * */5")
@app.task(queue=QUEUE, queueing_lock="knowledge.retry", priority=jobs.MAINTENANCE_PRIORITY)
async def retry_stalled_jobs(timestamp: int) -> None:
    """Take up again what a worker was doing when it died."""
    await jobs.retry_stalled(QUEUE)


@app.periodic(cron="* * * * * */10")
@app.task(queue=QUEUE, queueing_lock="knowledge.sweep", priority=jobs.MAINTENANCE_PRIORITY)
def queue_waiting_documents(timestamp: int) -> int:
    """Queue the documents that wait without a job: loaded from a fixture, restored, failed once.

    Return how many.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM knowledge_find_waiting(%s)", [SWEPT_AT_ONCE])
        waiting = cursor.fetchall()
    return sum(queue_ingestion(*ids) for ids in waiting)


@app.periodic(cron="17 3 * * *")
@app.task(queue=QUEUE, queueing_lock="knowledge.tidy", priority=jobs.MAINTENANCE_PRIORITY)
async def remove_old_jobs(timestamp: int) -> None:
    """Forget jobs that failed long ago."""
    await jobs.remove_old_jobs(QUEUE)


@app.periodic(cron="27 3 * * *")
@app.task(queue=QUEUE, queueing_lock="knowledge.orphans", priority=jobs.MAINTENANCE_PRIORITY)
def remove_orphan_files(timestamp: int) -> int:
    """Remove files that a killed process left without a document; return how many."""
    return files.remove_orphans()


@app.task(queue=QUEUE, pass_context=True, priority=REEMBEDDING_PRIORITY, retry=REEMBEDDING_RETRIES)
def reembed_document(
    context: JobContext | None = None, *, organization_id: str, document_id: str
) -> None:
    """Give a document vectors of the model in use. One that has them is left as it is."""
    should_stop = context.should_abort if context else lambda: False
    reembed.reembed(UUID(organization_id), UUID(document_id), should_stop=should_stop)
    if should_stop():  # no sweep would queue it again; once it is done, that does nothing
        queue_reembedding(UUID(organization_id), UUID(document_id))


def queue_reembedding(organization_id: UUID, document_id: UUID) -> bool:
    """Queue new vectors for a document; False when they are queued."""
    return jobs.defer(
        reembed_document,
        queueing_lock=f"reembed:{document_id}",
        organization_id=str(organization_id),
        document_id=str(document_id),
    )
