"""Search: one ranking of passages for the API, the agents, the admin and every other face."""

from knowledge.search.snippets import Snippet
from knowledge.search.statement import (
    MAX_QUERY_CHARACTERS,
    Hit,
    Mode,
    embed_query,
    search,
)
from knowledge.search.visible import SearchFilters

__all__ = [
    "MAX_QUERY_CHARACTERS",
    "Hit",
    "Mode",
    "SearchFilters",
    "Snippet",
    "embed_query",
    "search",
]
