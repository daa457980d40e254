"""What an agent may do while it answers. Each tool is a file here and a line in TOOLS."""

from collections.abc import Iterable

from agents.tools.calculate import CALCULATE
from agents.tools.current_time import CURRENT_TIME
from agents.tools.declaration import Tool
from agents.tools.list_documents import LIST_DOCUMENTS
from agents.tools.read_document import READ_DOCUMENT
from agents.tools.search_knowledge import SEARCH_KNOWLEDGE

__all__ = ["TOOLS", "named"]

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (SEARCH_KNOWLEDGE, READ_DOCUMENT, LIST_DOCUMENTS, CALCULATE, CURRENT_TIME)
}


def named(names: Iterable[object]) -> list[Tool]:
    """The tools of these names, each once; what is no tool's name is left out."""
    return [TOOLS[name] for name in dict.fromkeys(names) if isinstance(name, str) and name in TOOLS]
