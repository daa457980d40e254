"""What is finished in the background when the process that began it has died."""

from typing import Any
from uuid import UUID

from django.apps import apps
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from common import jobs
from tenants.belongings import settle

QUEUE = "turns"  # it is short, and must not wait behind the reading of documents


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
