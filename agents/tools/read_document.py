"""Reading on in a document: its passages from a page or a place on, as many as fit a window."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Max

from agents.tools.asker import Asker, Reader
from agents.tools.declaration import Found, Risk, Tool, ToolFailed, parameters
from knowledge.models import DocumentChunk
from knowledge.search import Hit
from tenants.permissions import Permissions

WINDOW_CHARACTERS = 8_000
_MOST_PASSAGES = 60


async def _run(asker: Asker, arguments: Mapping[str, Any]) -> Found:
    try:
        document_id = UUID(arguments["document"])
    except ValueError:
        raise ToolFailed('"document" is the id of a document, as passages and lists name it.')
    page, offset = arguments.get("page"), arguments.get("offset", 0)
    hits, following, length = await asker.read(_window, document_id, page, offset)
    rest = f"The document goes on: read it from offset {following}." if following else "It ends."
    return Found(
        f"<passages>\n{asker.passages.shown(hits)}\n</passages>\n"
        f"{rest} It has {length} characters.",
        frozenset([document_id]),
    )


def _window(
    reader: Reader, document_id: UUID, page: int | None, offset: int
) -> tuple[list[Hit], int | None, int]:
    """Passages of a window, where the next one begins (None at the end), and the whole length."""
    document = reader.documents().defer("content", "embedding").filter(pk=document_id).first()
    if document is None:
        # The same for what is not there and what this user may not read.
        raise ToolFailed("There is no such document among those that the user may read.")
    chunks = DocumentChunk.objects.filter(document=document).order_by("position")
    length = chunks.aggregate(length=Max("end"))["length"] or 0
    there = chunks.filter(end__gt=offset)
    if page is not None:
        there = there.filter(page__gte=page)
    hits: list[Hit] = []
    room = WINDOW_CHARACTERS
    for chunk in there[: _MOST_PASSAGES + 1]:
        room -= len(chunk.content)
        if hits and (room < 0 or len(hits) == _MOST_PASSAGES):
            return hits, chunk.start, length
        hits.append(
            Hit(
                document_id=document.pk,
                filename=document.filename,
                file_type=document.file_type,
                chunk_id=chunk.pk,
                position=chunk.position,
                page=chunk.page,
                heading=chunk.heading,
                content=chunk.content,
                score=0.0,
                similarity=None,
                lexical=None,
                lexical_place=None,
                vector_place=None,
            )
        )
    if not hits:
        raise ToolFailed(f"There is nothing there: the document has {length} characters.")
    return hits, None, length


READ_DOCUMENT = Tool(
    name="read_document",
    description=(
        "Read a document, or what stands around a passage. Returns numbered passages in their"
        f" order, about {WINDOW_CHARACTERS:,} characters at a time, and says where it goes on."
    ),
    parameters=parameters(
        ("document",),
        document={"type": "string", "maxLength": 36, "description": "The document's id."},
        page={
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "The page to begin with.",
        },
        offset={
            "type": "integer",
            "minimum": 0,
            "maximum": 2**31 - 1,
            "description": "The character to begin with, counted from 0.",
        },
    ),
    run=_run,
    risk=Risk.READ,
    permission=Permissions.DOCUMENTS_VIEW,
)
