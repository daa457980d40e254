"""The search that people have, in the middle of an answer."""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.tools.asker import Asker, Reader
from agents.tools.declaration import Found, Risk, Tool, parameters
from knowledge.search import Hit, embed_query, search
from tenants.permissions import Permissions

MOST_PASSAGES = 10
LONGEST_QUERY = 1_000  # characters


async def _run(asker: Asker, arguments: Mapping[str, Any]) -> Found:
    hits = await passages_for(asker, arguments["query"], arguments.get("count", MOST_PASSAGES))
    if not hits:
        return Found("No passages were found.")
    shown = asker.passages.shown(hits)
    return Found(f"<passages>\n{shown}\n</passages>", frozenset(hit.document_id for hit in hits))


async def passages_for(asker: Asker, query: str, count: int) -> list[Hit]:
    """The best passages of what the asking user may read, best first."""
    vector = await asyncio.to_thread(embed_query, query)
    found: list[Hit] = await asker.read(_find, query, vector, count)
    return found


def _find(reader: Reader, query: str, vector: np.ndarray, count: int) -> list[Hit]:
    return search(user=reader.user, query=query, vector=vector, top_k=count, project=reader.project)


SEARCH_KNOWLEDGE = Tool(
    name="search_knowledge",
    description=(
        "Search the documents that the user may read, by meaning and by words. Returns numbered"
        " passages, the best first. Use it for what the passages at hand do not answer, with other"
        " words than the question's."
    ),
    parameters=parameters(
        ("query",),
        query={
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_QUERY,
            "description": "What to look for, as a question or in a few words.",
        },
        count={
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_PASSAGES,
            "description": f"How many passages at most; {MOST_PASSAGES} where it is left out.",
        },
    ),
    run=_run,
    risk=Risk.READ,
    permission=Permissions.DOCUMENTS_VIEW,
)
