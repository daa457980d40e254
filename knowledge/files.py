"""The stored files of documents: what they are called, where they lie, and which are left over."""

import filecmp
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from common.ids import uuid7
from knowledge.ingestion.clean import clean_text
from knowledge.models import Document
from tenants.context import acting_for

MAX_FILENAME = 255
NO_NAME = "document"

# A file without a document is left over from a process that was killed. It is removed when it is
# older than any upload takes, and only while it is young: with an older database restored, or
# another one connected by mistake, all files would seem to be left over.
YOUNGEST_ORPHAN = timedelta(hours=1)
OLDEST_ORPHAN = timedelta(days=2)

_OTHERS_TRIED = 3

logger = logging.getLogger(__name__)


class FileMissing(Exception):
    """A document's file is not where it was stored."""


def clean_filename(name: str | None) -> str:
    """What a client called its file, without directories and what cannot be seen; never empty."""
    name = clean_text(name or "").replace("\n", " ").replace("\t", " ")
    name = PurePosixPath(name.replace("\\", "/")).name.strip()
    if len(name) > MAX_FILENAME:
        suffix = PurePosixPath(name).suffix[:20]
        name = name[: MAX_FILENAME - len(suffix)] + suffix
    return name or NO_NAME


def measure(file: File) -> tuple[str, int]:
    """The SHA-256 digest (hexadecimal) and the size in bytes of a file, read piece by piece."""
    digest, size = hashlib.sha256(), 0
    for piece in file.chunks():
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


@contextmanager
def local_copy(document: Document) -> Iterator[Path]:
    """The path of the document's file: its own, or that of a copy where the storage has none.

    A document that came without a file, from a fixture, has its text for one. Raises FileMissing.
    """
    file, text = document.file, document.content
    if file.name and file.storage.exists(file.name):
        if path := _own_path(document):
            yield path
        else:
            with file.open() as opened, _copy(opened.chunks()) as copy:
                yield copy
    elif text is not None and not file.name:
        with _copy([text.encode()]) as copy:
            yield copy
    else:
        raise FileMissing(file.name or document.pk)


@contextmanager
def local_path(file: UploadedFile) -> Iterator[Path]:
    """The path of an upload: that of the server's temporary file, or of a copy of a small one."""
    if path := getattr(file, "temporary_file_path", None):
        yield Path(path())
    else:
        with _copy(file.chunks()) as copy:
            yield copy


def _own_path(document: Document) -> Path | None:
    try:
        return Path(document.file.path)
    except NotImplementedError:  # the storage is no file system
        return None


@contextmanager
def _copy(pieces: Iterable[bytes]) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="document-") as copy:
        for piece in pieces:
            copy.write(piece)
        copy.flush()
        yield Path(copy.name)


def share_bytes(document: Document) -> bool:
    """Have the file of a document share its room on disk with the same bytes of another one of the
    organization; return whether it does now.

    Each row keeps a file of its own name: a hard link. So whoever removes one of them need not know
    of the others, and no upload is quicker for what somebody else has. Storages without links keep
    two copies.
    """
    same = Document.all_objects.filter(sha256=document.sha256, file_size=document.file_size)
    with acting_for(document.organization_id, read_only=True):
        others = list(same.exclude(pk=document.pk).exclude(file="").only("file")[:_OTHERS_TRIED])
    own = _own_path(document) if document.file.name else None
    return own is not None and any(_link(path, own) for path in map(_own_path, others) if path)


def _link(path: Path, own: Path) -> bool:
    """Put a link to the bytes at `path` in the place of the file `own`, at one stroke."""
    spare = own.with_name(str(uuid7()))  # left behind by a crash, it is an orphan
    try:
        if own.samefile(path):
            return True
        if not filecmp.cmp(path, own, shallow=False):
            return False
        os.link(path, spare)
        spare.replace(own)
    except OSError as error:  # one of them goes at this moment, or no link is possible here
        spare.unlink(missing_ok=True)
        logger.debug("The file %s has its bytes for itself: %s", own, error)
        return False
    return True


def remove_orphans() -> int:
    """Remove young files that no document, deleted or not, calls its own; return how many."""
    storage = _storage()
    removed = 0
    for organization_id in _ids(_entries(storage, "", files=False)):
        stored = _ids(_entries(storage, str(organization_id), files=True))
        young = [pk for pk in stored if _is_young(storage, f"{organization_id}/{pk}")]
        if not young:
            continue
        with acting_for(organization_id, read_only=True):
            known = set(Document.all_objects.filter(pk__in=young).values_list("pk", flat=True))
        for orphan in set(young) - known:
            logger.warning("Removed the file %s/%s: no document has it.", organization_id, orphan)
            storage.delete(f"{organization_id}/{orphan}")
            removed += 1
    return removed


def _storage() -> Any:
    return Document._meta.get_field("file").storage


def _entries(storage: Any, directory: str, *, files: bool) -> list[str]:
    try:
        return storage.listdir(directory)[files]
    except FileNotFoundError:
        return []


def _ids(names: list[str]) -> list[UUID]:
    """The names that are ids: other files in the storage are none of ours."""
    return [pk for pk in map(_id, names) if pk]


def _id(name: str) -> UUID | None:
    try:
        pk = UUID(name)
    except ValueError:
        return None
    return pk if str(pk) == name else None


def _is_young(storage: Any, name: str) -> bool:
    try:
        changed: datetime = storage.get_modified_time(name)
    except FileNotFoundError:
        return False
    return YOUNGEST_ORPHAN < timezone.now() - changed < OLDEST_ORPHAN
