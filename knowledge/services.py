"""Verbs on documents: rows, files and jobs together. Deleting is `tenants.deletion`'s."""

import logging
from collections.abc import Iterable
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from common.rollback import on_rollback
from knowledge import files
from knowledge.attachments import go_along
from knowledge.ingestion.read import detect_type
from knowledge.ingestion.reading import UnreadableDocument
from knowledge.models import Document
from knowledge.passages import PLACED, told_by_passages, write_postings
from knowledge.progress import NO_PROGRESS
from knowledge.tasks import queue_ingestion
from tenants import counters, deletion
from tenants.grants import CHANGE
from tenants.models import Project, User
from tenants.sharing import give

QUEUED_AT_ONCE = 100  # the caller waits for these

logger = logging.getLogger(__name__)


class RefusedUpload(Exception):
    """A file that is not taken. `reason` is a sentence its owner can act on."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Upload(TypedDict, total=False):
    """What is to be known of a file beside its bytes."""

    project: Project | None
    metadata: dict[str, Any] | None
    is_searchable: bool
    is_restricted: bool


@transaction.atomic
def upload_document(
    *, organization_id: UUID, file: UploadedFile, by: User | None, **upload: Unpack[Upload]
) -> Document:
    """Store a file and queue its reading, all or nothing, in the organization acted for.

    A restricted one is granted to whoever uploads it, so that they do not lose it. Nobody does
    (`by` is None) when a command does without naming one. Raises
    RefusedUpload, QuotaExceeded, or Gone when the project has just been deleted. The file goes
    when the caller's transaction is rolled back.
    """
    document = _measured(organization_id, file, by, upload)
    _store(document, file)
    _add(organization_id, document, by)
    return document


@transaction.atomic
def upload_once(
    *, organization_id: UUID, file: UploadedFile, by: User, **upload: Unpack[Upload]
) -> tuple[Document, bool]:
    """Do the same, unless the same bytes are there already; return the document, and whether it
    is new.

    There already is what the uploader may see, in the same project, read as the same type, for the
    same readers and searches, with the metadata given, if any, and that has not failed. Its name
    may be another. What the uploader may not see does not count: they get a document of their own,
    and its file takes room of its own until `files.share_bytes` in the background.
    """
    document = _measured(organization_id, file, by, upload)
    same = same_as(document, by).exclude(processing_status=Document.Status.FAILED)
    if metadata := upload.get("metadata"):
        same = same.filter(metadata=metadata)
    if there := same.first():
        return there, False
    _store(document, file)
    counters.queue_up(organization_id, [Document])  # of two uploads at once the second one looks
    if there := same.all().first():
        document.file.delete(save=False)
        return there, False
    _add(organization_id, document, by)
    return document, True


def _measured(
    organization_id: UUID, file: UploadedFile, by: User | None, upload: Upload
) -> Document:
    """The row to be of a file that is taken, or RefusedUpload."""
    file_type = recognize(file)
    filename = files.clean_filename(file.name)
    document = Document(
        organization_id=organization_id,
        project=upload.get("project"),
        # Platform staff, who belong to no organization, are not named in one's rows.
        uploaded_by=by if by and by.organization_id == organization_id else None,
        filename=filename,
        file_type=file_type,
        metadata=upload.get("metadata") or {},
        is_searchable=upload.get("is_searchable", True),
        is_restricted=upload.get("is_restricted", False),
    )
    document.sha256, document.file_size = files.measure(file)
    return document


def same_as(document: Document, by: User | None) -> QuerySet[Document]:
    """The documents of the same bytes and type, in the same place, for the same readers and
    searches, that somebody may see, oldest first; with nobody named, all of them."""
    documents = Document.objects.visible_to(by) if by else Document.objects.all()
    same: QuerySet[Document] = documents.filter(
        sha256=document.sha256,
        file_size=document.file_size,
        file_type=document.file_type,
        project=document.project,
        is_searchable=document.is_searchable,
        is_restricted=document.is_restricted,
        attachment_of=None,  # what is attached goes with its mail
    )
    return same.defer("content", "embedding").order_by("id")


def _add(organization_id: UUID, document: Document, by: User | None) -> None:
    # Last of what can fail for long: others of the organization wait for this row until the commit.
    counters.claim(organization_id, "storage_bytes", document.file_size)
    deletion.hold_parents(document)
    document.save(force_insert=True)
    if document.is_restricted and by:
        keep_for_its_people(document=document, by=by)
    queue_ingestion(organization_id, document.pk)


def recognize(file: UploadedFile) -> str:
    """The file type of an upload by its first bytes. Raises RefusedUpload, also for its size."""
    if file.size is not None and file.size > settings.MAX_UPLOAD_BYTES:
        raise RefusedUpload(
            f"The file is too large: at most {settings.MAX_UPLOAD_BYTES / 1e6:g} MB are taken."
        )
    return _type_of(file, files.clean_filename(file.name))


@transaction.atomic
def reprocess_documents(*, documents: Iterable[Document], by: User) -> int:
    """Have documents read anew, as if just uploaded; return how many.

    Until they are read, a search does not find them. The sweep queues those of a long list.
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
        **NO_PROGRESS,
    )
    for organization_id, pk in again[:QUEUED_AT_ONCE]:
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


@transaction.atomic
def follow(*, document: Document, was_restricted: bool, by: User) -> None:
    """Have what is attached to a document go where that has just gone, and keep what is restricted
    now for its people."""
    go_along(document)
    if document.is_restricted and not was_restricted:
        keep_for_its_people(document=document, by=by)


def _type_of(file: UploadedFile, filename: str) -> str:
    """The file type by its content, or RefusedUpload."""
    with files.local_path(file) as path:
        try:
            return detect_type(path, filename=filename)
        except UnreadableDocument as error:
            raise RefusedUpload(error.reason) from error


def _store(document: Document, file: UploadedFile) -> None:
    field = document._meta.get_field("file")
    name, storage = field.generate_filename(document, document.filename), field.storage
    on_rollback(lambda: storage.delete(name))  # also what is written when this fails half way
    document.file.save(document.filename, file, save=False)
