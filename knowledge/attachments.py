"""What is attached to a mail: documents of their own, there for the same people as the mail.

They are where their mail is: its project, its restriction and its grants are theirs, also when
these change later. Whoever may read the mail has them in its file, after all.
"""

import hashlib
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.utils import timezone

from knowledge import files
from knowledge.ingestion.read import detect_type
from knowledge.ingestion.reading import Attachment, LeftOut, Reading, UnreadableDocument
from knowledge.models import Document
from tenants import counters, deletion
from tenants.context import acting_for
from tenants.sharing import give, grants_on

MAX_DEPTH = 3  # mails within mails whose attachments become documents
MAX_NAMED = 20  # of what was left out
MAX_NAME = 100

_TOO_DEEP = "it lies in a mail within a mail within a mail"
_NO_ROOM = "the organization's storage is full"

logger = logging.getLogger(__name__)


def attach(mail: Document, reading: Reading) -> None:
    """Make documents of what is attached, and note on the mail what is left out; do nothing when
    the mail is deleted or read by another run by now.

    It may run twice: what was attached before stays as it is, and what somebody has deleted since
    is not brought back.
    """
    if not (reading.attachments or reading.left_out or mail.notice):
        return
    left_out = list(reading.left_out)
    with acting_for(mail.organization_id, read_only=True):
        known = set(mail.followers().values_list("attachment_position", flat=True))
        depth = _depth(mail)
    fresh = [entry for entry in enumerate(reading.attachments) if entry[0] not in known]
    if depth >= MAX_DEPTH:
        left_out += [LeftOut(attachment.filename, _TOO_DEEP) for _, attachment in fresh]
        fresh = []
    with _stored(mail, fresh, left_out) as documents:
        _add(mail, documents, left_out)


def go_along(mail: Document) -> None:
    """Bring what is attached to where its mail is now, also what was deleted."""
    state = {"project_id": mail.project_id, "is_restricted": mail.is_restricted}
    for attached in mail.followers():
        if any(getattr(attached, name) != value for name, value in state.items()):
            Document.all_objects.filter(pk=attached.pk).update(updated_at=timezone.now(), **state)
            vars(attached).update(state)
            go_along(attached)


def _depth(mail: Document) -> int:
    """In how many mails it lies, as far as that matters."""
    depth, outer = 0, mail.attachment_of_id
    while outer is not None and depth < MAX_DEPTH:
        depth += 1
        outer = Document.all_objects.values_list("attachment_of", flat=True).get(pk=outer)
    return depth


@contextmanager
def _stored(
    mail: Document, fresh: list[tuple[int, Attachment]], left_out: list[LeftOut]
) -> Iterator[list[Document]]:
    """Documents that are not in the database yet, with their files, which go unless they are."""
    documents: list[Document] = []
    try:
        for position, attachment in fresh:
            try:
                document = _document(mail, position, attachment)
            except UnreadableDocument as error:
                left_out.append(LeftOut(attachment.filename, _in_brief(error.reason)))
                continue
            documents.append(document)
            document.file.save(document.filename, ContentFile(attachment.content), save=False)
        yield documents
    finally:
        for document in documents:
            if document._state.adding:
                document.file.delete(save=False)


def _document(mail: Document, position: int, attachment: Attachment) -> Document:
    """The document of what is attached, or UnreadableDocument."""
    filename = files.clean_filename(attachment.filename)
    with tempfile.NamedTemporaryFile(prefix="attachment-") as copy:
        copy.write(attachment.content)
        copy.flush()
        file_type = detect_type(Path(copy.name), filename=filename)
    return Document(
        organization_id=mail.organization_id,
        attachment_of=mail,
        attachment_position=position,
        uploaded_by_id=mail.uploaded_by_id,
        filename=filename,
        file_type=file_type,
        file_size=len(attachment.content),
        sha256=hashlib.sha256(attachment.content).hexdigest(),
        is_searchable=mail.is_searchable,
    )


def _add(mail: Document, documents: list[Document], left_out: list[LeftOut]) -> None:
    with acting_for(mail.organization_id) as organization_id:
        if documents:  # before the mail's row, as who deletes the mail does
            counters.queue_up(organization_id, [Document])
        claimed = Document.objects.filter(
            pk=mail.pk, processing_status=Document.Status.PROCESSING, attempts=mail.attempts
        )
        now = claimed.select_for_update(no_key=True).defer("content", "embedding").first()
        if now is None:
            logger.info("What is attached to %s came too late.", mail.pk)
            return
        people = [(granted.action, granted.grantee) for granted in grants_on(now)]
        for document in documents:
            document.project_id, document.is_restricted = now.project_id, now.is_restricted
            try:
                counters.claim(organization_id, "storage_bytes", document.file_size)
            except counters.QuotaExceeded:
                left_out.append(LeftOut(document.filename, _NO_ROOM))
                continue
            _save(organization_id, document, people)
        now.notice = _notice(left_out)
        now.save(update_fields=["notice", "updated_at"])


def _save(organization_id: UUID, document: Document, people: list[Any]) -> None:
    # Imported here: reading documents is a task, and reading one may queue others.
    from knowledge.tasks import queue_ingestion

    deletion.hold_parents(document)
    document.save(force_insert=True)
    for action, person in people:
        give(row=document, action=action, to=person)
    queue_ingestion(organization_id, document.pk)


def _notice(left_out: list[LeftOut]) -> str:
    if not left_out:
        return ""
    lines = [f"{files.clean_filename(x.filename)[:MAX_NAME]}: {x.why}" for x in left_out]
    more = len(lines) - MAX_NAMED
    ending = [f"and {more} more"] if more > 0 else []
    return "\n".join(["Left out of what is attached:", *lines[:MAX_NAMED], *ending])


def _in_brief(reason: str) -> str:
    """The first sentence of a reason, within another one."""
    first = reason.partition(". ")[0].rstrip(".")
    return first[:1].lower() + first[1:]
