"""A citation as events, replies and every face of the API show it."""

from agents.providers.protocol import CitationFound


def citation_data(found: CitationFound) -> dict[str, object]:
    """Raise ValueError for a quote that does not stand in its passage."""
    passage = found.passage
    if not found.quote or found.quote not in passage.content:
        raise ValueError(f"Citation {found.number} does not quote its passage exactly.")
    return {
        "number": found.number,
        "document": str(passage.document_id),
        "filename": passage.filename,
        "chunk": str(passage.chunk_id),
        "page": passage.page,
        "quote": found.quote,
    }
