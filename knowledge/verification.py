"""Whether what documents say is what is there: passages, vectors, postings, files, room and jobs.

An organization is looked through in batches, each in a short transaction that only reads, so it may
be used meanwhile. What is found is told as a `Fault`, which may know how to mend itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from knowledge import files, passages
from knowledge.models import Document, DocumentChunk
from knowledge.postings import wrong_postings
from knowledge.progress import NO_PROGRESS
from knowledge.tasks import queue_ingestion
from tenants import counters
from tenants.context import acting_for
from tenants.purging.files import leftover

AT_ONCE = 200  # documents of a transaction
# What waits without a job is queued by the sweep, which runs more often than this.
SWEPT_WITHIN = timedelta(minutes=2)

_WITHOUT_JOB = """
SELECT id FROM knowledge_document
WHERE organization_id = %s AND id = ANY(%s) AND NOT is_deleted
  AND processing_status IN ('pending', 'processing') AND updated_at < %s
  AND NOT EXISTS (
    SELECT FROM procrastinate_jobs job
    WHERE job.queueing_lock = 'ingest:' || knowledge_document.id AND job.status IN ('todo', 'doing')
  )
"""


@dataclass(frozen=True)
class Fault:
    """Something that is not as it must be. `mend` puts it right, in a transaction of its own; where
    it is None, `advice` says what a person can do."""

    what: str
    mend: Callable[[], None] | None = None
    advice: str = ""

    def __str__(self) -> str:
        return self.what


class Verification:
    """One look through an organization. `documents` counts those that were looked at."""

    def __init__(self, organization_id: UUID, *, digests: bool = False):
        self.organization_id = organization_id
        self.documents = 0
        self._digests = digests

    def faults(self) -> Iterator[Fault]:
        for batch in self._batches():
            self.documents += len(batch)
            yield from self._of_passages(batch)
            yield from self._of_postings(batch)
            yield from self._of_jobs(batch)
            for document in batch:
                yield from self._of_file(document)
        yield from self._of_room()
        yield from self._of_leftover_files()

    def _reading(self) -> Any:
        return acting_for(self.organization_id, read_only=True)

    def _batches(self) -> Iterator[list[Document]]:
        """All documents, the deleted too: they can come back."""
        rows = Document.all_objects.defer("content", "embedding", "metadata").order_by("pk")
        last = None
        while True:
            with self._reading():
                batch = list((rows.filter(pk__gt=last) if last else rows.all())[:AT_ONCE])
            if not batch:
                return
            last = batch[-1].pk
            yield batch

    def _of_passages(self, batch: list[Document]) -> Iterator[Fault]:
        with self._reading():
            found = list(passages.counts_of(self.organization_id, _keys(batch)))
        for there in found:
            pk = there.document_id
            again = partial(self._read_again, pk)
            if there.is_completed and not there.said == there.chunks == there.vectors:
                yield Fault(
                    f"document {pk} says {there.said} passages, there are {there.chunks} with"
                    f" {there.vectors} vectors of its model",
                    again,
                )
            if there.astray and there.is_deleted:
                yield Fault(
                    f"document {pk} is deleted, {there.astray} of its passages are not",
                    partial(self._delete_passages, pk),
                )
            elif there.astray:
                yield Fault(f"document {pk} has {there.astray} passages that are deleted", again)

    def _of_postings(self, batch: list[Document]) -> Iterator[Fault]:
        with self._reading():
            wrong = wrong_postings(self.organization_id, _keys(batch))
        for pk in sorted(wrong):
            yield Fault(
                f"document {pk} has postings that disagree with its passages",
                partial(self._rebuild_postings, pk),
            )

    def _of_jobs(self, batch: list[Document]) -> Iterator[Fault]:
        with self._reading(), connection.cursor() as cursor:
            long_ago = timezone.now() - SWEPT_WITHIN
            cursor.execute(_WITHOUT_JOB, [self.organization_id, _keys(batch), long_ago])
            stuck = [pk for (pk,) in cursor.fetchall()]
        for pk in stuck:
            yield Fault(f"document {pk} waits and has no job", partial(self._queue, pk))

    def _of_file(self, document: Document) -> Iterator[Fault]:
        if not document.file.name:
            return
        told = self._wrong_with_file(document)
        if told and self._is_there(document.pk):  # it is not being purged at this moment
            yield Fault(
                f"document {document.pk} {told}",
                advice=f"Restore {document.file.name} from a backup, or delete the document and"
                " upload it again.",
            )

    def _wrong_with_file(self, document: Document) -> str:
        storage, name = document.file.storage, str(document.file.name)
        try:
            size = storage.size(name)
            if size != document.file_size:
                return f"says {document.file_size} bytes, its file has {size}"
            if self._digests:
                with storage.open(name) as opened:
                    digest, _ = files.measure(opened)
                if digest != document.sha256:
                    return "has a file with other bytes than were uploaded"
        except FileNotFoundError:
            return "has lost its file"
        return ""

    def _is_there(self, pk: UUID) -> bool:
        with self._reading():
            return Document.all_objects.filter(pk=pk).exists()

    def _of_room(self) -> Iterator[Fault]:
        for counter in counters.COUNTERS:
            if counter.source == Document._meta.label:
                with self._reading():
                    drifted = list(counters.drift(counter, self.organization_id))
                for _, says, is_ in drifted:
                    yield Fault(f"says {says} {counter.field}, there are {is_}", self._recount)

    def _of_leftover_files(self) -> Iterator[Fault]:
        with self._reading():
            found = list(leftover(self.organization_id))
        for file in found:
            yield Fault(f"no document has the file {file.name}", file.remove)

    # Mending

    def _held(self, pk: UUID) -> Document | None:
        rows = Document.all_objects.filter(pk=pk).defer("content", "embedding")
        return rows.select_for_update(no_key=True).first()

    def _read_again(self, pk: UUID) -> None:
        """A deleted one is read when it comes back: the sweep finds it then."""
        with acting_for(self.organization_id):
            if not (document := self._held(pk)):
                return
            Document.all_objects.filter(pk=pk).update(
                processing_status=Document.Status.PENDING,
                is_processed=False,
                attempts=0,
                error="",
                updated_at=timezone.now(),
                **NO_PROGRESS,
            )
            if not document.is_deleted:
                queue_ingestion(self.organization_id, pk)

    def _delete_passages(self, pk: UUID) -> None:
        with acting_for(self.organization_id):
            document = self._held(pk)
            if document and document.is_deleted:
                chunks = DocumentChunk.all_objects.filter(document_id=pk, is_deleted=False)
                chunks.update(
                    is_deleted=True,
                    deleted_at=document.deleted_at,
                    deletion_id=document.deletion_id,
                )

    def _rebuild_postings(self, pk: UUID) -> None:
        with acting_for(self.organization_id):
            document = self._held(pk)
            if document and document.processing_status == Document.Status.COMPLETED:
                passages.rebuild_postings(document)
                document.save(update_fields=passages.PLACED)

    def _queue(self, pk: UUID) -> None:
        with acting_for(self.organization_id):
            queue_ingestion(self.organization_id, pk)

    def _recount(self) -> None:
        with acting_for(self.organization_id):
            counters.recount_all(self.organization_id)


def _keys(batch: list[Document]) -> list[UUID]:
    return [document.pk for document in batch]
