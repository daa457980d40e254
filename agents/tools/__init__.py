"""The tools that an agent may be given."""

_NAMES = ("search_knowledge", "read_document", "list_documents", "calculate", "current_time")


def names() -> tuple[str, ...]:
    """What agents call them, in the order in which they are shown."""
    return _NAMES
