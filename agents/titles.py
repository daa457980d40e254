"""What a conversation is called before anybody has named it."""

LONGEST = 80  # characters, the ellipsis included


def title_of(question: str) -> str:
    """Return a question on one line, cut after a word where it is long."""
    line = " ".join(question.split())
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 1]
    if line[LONGEST - 1] != " ":
        # A word that fills the line by itself is cut.
        cut = cut.rsplit(" ", 1)[0]
    return f"{cut.rstrip(' ,;:.-')}…"
