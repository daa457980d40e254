"""Many files at once as documents: each in a transaction of its own, none of which fails another.

No transaction is open while a file is unpacked or read.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db.models import TextChoices

from knowledge import files
from knowledge.models import Document
from knowledge.services import RefusedUpload, recognize, same_as, upload_document
from tenants.context import acting_for
from tenants.counters import QuotaExceeded
from tenants.deletion import Gone
from tenants.models import Project, User

NO_PROJECT = "The project has just been deleted."


class Result(TextChoices):
    CREATED = "created"
    EXISTING = "existing"
    REFUSED = "refused"
    OVER_QUOTA = "over quota"


class Entry(Protocol):
    """A file to import. `path` says where it was; opening it may raise RefusedUpload."""

    @property
    def path(self) -> str: ...

    def open(self) -> AbstractContextManager[UploadedFile]: ...


@dataclass(frozen=True)
class Outcome:
    """What became of a file. `document` is its own or the one that has the same bytes."""

    path: str
    result: Result
    document: UUID | None = None
    reason: str = ""


@dataclass(frozen=True)
class Importing:
    """Into which organization and project files are imported, by whom, and what is said of them.

    With nobody named (`by`), the documents have no uploader. `keeps_paths`: the path of each goes
    into its metadata. `dry_run`: say what would become of them, and change nothing.
    """

    organization_id: UUID
    by: User | None
    project: Project | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    is_searchable: bool = True
    is_restricted: bool = False
    keeps_paths: bool = True
    dry_run: bool = False

    def run(self, entries: Iterable[Entry]) -> Iterator[Outcome]:
        """Import them in order. Once the quota is reached, or the project gone, none is tried."""
        stopped: Outcome | None = None
        for entry in entries:
            if stopped is None:
                outcome = self._outcome(entry)
                if outcome.result == Result.OVER_QUOTA or outcome.reason == NO_PROJECT:
                    stopped = outcome
            else:
                outcome = Outcome(entry.path, stopped.result, reason="It was not tried any more.")
            yield outcome

    def _outcome(self, entry: Entry) -> Outcome:
        try:
            with entry.open() as file:
                result, pk = self._import(entry, file)
        except RefusedUpload as refusal:
            return Outcome(entry.path, Result.REFUSED, reason=refusal.reason)
        except QuotaExceeded as error:
            return Outcome(entry.path, Result.OVER_QUOTA, reason=str(error))
        except Gone:
            return Outcome(entry.path, Result.REFUSED, reason=NO_PROJECT)
        return Outcome(entry.path, result, pk)

    def _import(self, entry: Entry, file: UploadedFile) -> tuple[Result, UUID | None]:
        imported = Document(
            file_type=recognize(file),
            project=self.project,
            is_searchable=self.is_searchable,
            is_restricted=self.is_restricted,
        )
        imported.sha256, imported.file_size = files.measure(file)
        with acting_for(self.organization_id, read_only=self.dry_run):
            # What could not be read counts: an import that is taken up again adds none twice.
            if there := same_as(imported, self.by).first():
                return Result.EXISTING, there.pk
            if self.dry_run:
                return Result.CREATED, None
            document = upload_document(
                organization_id=self.organization_id,
                file=file,
                by=self.by,
                project=self.project,
                metadata=self.metadata | ({"path": entry.path} if self.keeps_paths else {}),
                is_searchable=self.is_searchable,
                is_restricted=self.is_restricted,
            )
        return Result.CREATED, document.pk
