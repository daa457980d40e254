"""Verbs on documents: rows, files and jobs together. Deleting is `tenants.deletion`'s."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from common.rollback import on_rollback
from knowledge import files
from knowledge.ingestion.formats.base import HEAD_BYTES
from knowledge.ingestion.read import detect_type
from knowledge.ingestion.reading import UnreadableDocument
from knowledge.models import Document
from knowledge.passages import PLACED, told_by_passages, write_postings
from knowledge.tasks import queue_ingestion
from tenants import counters, deletion
from tenants.grants import CHANGE
from tenants.models import Project, User
from tenants.sharing import give

logger = logging.getLogger(__name__)


class RefusedUpload(Exception):
    """A file that is not taken. `reason` is a sentence its owner can act on."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@transaction.atomic
def upload_document(
    *,
    organization_id: UUID,
    file: UploadedFile,
    by: User,
    project: Project | None = None,
    metadata: dict[str, Any] | None = None,
    is_searchable: bool = True,
    is_restricted: bool = False,
) -> Document:
    """Store a file and queue its reading, all or nothing, in the organization acted for.

    A restricted one is granted to whoever uploads it, so that they do not lose it. Raises
    RefusedUpload, QuotaExceeded, or Gone when the project has just been deleted. The file goes
    when the caller's transaction is rolled back.
    """
    if file.size is not None and file.size > settings.MAX_UPLOAD_BYTES:
        raise RefusedUpload(
            f"The file is too large: at most {settings.MAX_UPLOAD_BYTES / 1e6:g} MB are taken."
        )
    filename = files.clean_filename(file.name)
    document = Document(
        organization_id=organization_id,
        project=project,
        # Platform staff, who belong to no organization, are not named in one's rows.
        uploaded_by=by if by.organization_id == organization_id else None,
        filename=filename,
        file_type=_type_of(file, filename),
        metadata=metadata or {},
        is_searchable=is_searchable,
        is_restricted=is_restricted,
    )
    document.sha256, document.file_size = files.measure(file)
    _store(document, file)
    # Last of what can fail for long: others of the organization wait for this row until the commit.
    counters.claim(organization_id, "storage_bytes", document.file_size)
    deletion.hold_parents(document)
    document.save(force_insert=True)
    if is_restricted:
        keep_for_its_people(document=document, by=by)
    queue_ingestion(organization_id, document.pk)
    return document


@transaction.atomic
def reprocess_documents(*, documents: Iterable[Document], by: User) -> int:
    """Have documents read anew, as if just uploaded; return how many.

    Until they are read, a search does not find them.
    """
    ids = [document.pk for document in documents]
    asked = Document.objects.filter(pk__in=ids)
    again = list(asked.select_for_update(no_key=True).values_list("organization_id", "pk"))
    asked.update(
        processing_status=Document.Status.PENDING,
        is_processed=False,
        attempts=0,
        error="",
        updated_at=timezone.now(),
    )
    for organization_id, pk in again:
        queue_ingestion(organization_id, pk)
    logger.info("%s has %d documents read again.", by.pk, len(again))
    return len(again)


@transaction.atomic
def set_language(*, document: Document, language: str | None, by: User) -> None:
    """Have the words of a document brought to their stems as in a language, from now on; with None
    as in the one that its content tells. What is findable stays so, in the new language."""
    held = Document.objects.select_for_update(no_key=True).defer("content", "embedding")
    document = held.get(pk=document.pk)
    document.is_language_chosen = language is not None
    document.language = language or told_by_passages(document)
    write_postings(document)
    document.save(update_fields=["is_language_chosen", *PLACED, "updated_at"])
    logger.info("%s has %s read as %s.", by.pk, document.pk, document.language)


@transaction.atomic
def keep_for_its_people(*, document: Document, by: User) -> None:
    """Grant a document that is restricted now to its uploader and to whoever restricts it."""
    for person in {document.uploaded_by or by, by}:
        if person.organization_id == document.organization_id and not person.is_deleted:
            give(row=document, action=CHANGE, to=person)


def _type_of(file: UploadedFile, filename: str) -> str:
    """The file type by its first bytes, or RefusedUpload."""
    file.seek(0)
    # One byte more than is looked at, so that the beginning is not taken for the whole.
    head = file.read(HEAD_BYTES + 1)
    with tempfile.NamedTemporaryFile(prefix="upload-") as sample:
        sample.write(head)
        sample.flush()
        try:
            return detect_type(Path(sample.name), filename=filename)
        except UnreadableDocument as error:
            raise RefusedUpload(error.reason) from error


def _store(document: Document, file: UploadedFile) -> None:
    field = document._meta.get_field("file")
    name, storage = field.generate_filename(document, document.filename), field.storage
    on_rollback(lambda: storage.delete(name))  # also what is written when this fails half way
    document.file.save(document.filename, file, save=False)
