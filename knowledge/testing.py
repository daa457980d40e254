"""Documents as they come to be, for tests: uploaded by somebody, and read."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from knowledge.ingestion import read
from knowledge.ingestion.pipeline import ingest
from knowledge.models import Document
from knowledge.services import upload_document
from tenants.context import acting_for
from tenants.models import User


def upload(text: str | bytes, *, by: User, filename: str = "notes.md", **fields: Any) -> Document:
    """Upload a text, or the bytes of any file, into the organization of whoever does it."""
    content = text.encode() if isinstance(text, str) else text
    with acting_for(by.organization_id) as organization_id:
        return upload_document(
            organization_id=organization_id,
            file=SimpleUploadedFile(filename, content),
            by=by,
            **fields,
        )


def read_document(text: str | bytes, *, by: User, **fields: Any) -> Document:
    """Upload a text and read it, in this process, which is faster; return the document then."""
    document = upload(text, by=by, **fields)
    with acting_for(by.organization_id) as organization_id:
        ingest(organization_id, document.pk, read=read.read_document)
        document.refresh_from_db()
    return document
