"""Which documents there are."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from agents.runtime.passages import as_data
from agents.tools.asker import Asker, Reader
from agents.tools.declaration import Found, Risk, Tool, parameters
from tenants.permissions import Permissions

LISTED_AT_ONCE = 50


async def _run(asker: Asker, arguments: Mapping[str, Any]) -> Found:
    part, skipped = arguments.get("name_contains", ""), arguments.get("skip", 0)
    rows = await asker.read(_listed, part, skipped)
    if not rows:
        return Found("There are no such documents, or no further ones.")
    shown, is_more = rows[:LISTED_AT_ONCE], len(rows) > LISTED_AT_ONCE
    rest = f"There are more: skip {skipped + LISTED_AT_ONCE}." if is_more else "That is all."
    lines = "\n".join(_line(*row) for row in shown)
    return Found(f"{as_data(lines)}\n{rest}", frozenset(row[0] for row in shown))


def _listed(reader: Reader, part: str, skipped: int) -> list[tuple[Any, ...]]:
    """One more than are shown at once: (id, filename, file_type, page_count, created_at)."""
    documents = reader.documents()
    if part:
        documents = documents.filter(filename__icontains=part)
    rows = documents.order_by("-id").values_list(
        "id", "filename", "file_type", "page_count", "created_at"
    )
    return list(rows[skipped : skipped + LISTED_AT_ONCE + 1])


def _line(document_id: UUID, filename: str, file_type: str, pages: int | None, since: Any) -> str:
    about = f"{file_type}, {pages} pages" if pages else file_type
    return f"{document_id}: {' '.join(filename.split())} ({about}, of {since:%Y-%m-%d})"


LIST_DOCUMENTS = Tool(
    name="list_documents",
    description=(
        f"List the documents that the user may read, the newest first, {LISTED_AT_ONCE} at a time:"
        " id, file name, type, pages, date."
    ),
    parameters=parameters(
        name_contains={
            "type": "string",
            "maxLength": 255,
            "description": "Only those whose file name contains this.",
        },
        skip={
            "type": "integer",
            "minimum": 0,
            "maximum": 100_000,
            "description": "How many of the newest to leave out.",
        },
    ),
    run=_run,
    risk=Risk.READ,
    permission=Permissions.DOCUMENTS_VIEW,
)
