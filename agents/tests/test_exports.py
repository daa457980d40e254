"""What of a conversation's text can do nothing in a file of Markdown."""

import pytest

from agents.exports import MarkdownWriter
from agents.models import Message

EVIL = "evil.test/p"


def written(content="", quote="", filename="leave.md"):
    found = {"number": 1, "page": None, "quote": quote, "filename": filename}
    message = Message(role=Message.Role.USER, content=content, citations=[found])
    return "".join(MarkdownWriter().message(message))


@pytest.mark.parametrize("field", ["content", "quote", "filename"])
@pytest.mark.parametrize(
    "text",
    [
        f"[here](//{EVIL})",
        f"\\[here](https://{EVIL})",
        f"![x](//{EVIL})",
        f"<a href=//{EVIL}>x</a>",
        f"<https://{EVIL}>",
        f"https://{EVIL}",
        f"WWW.{EVIL}",
        f"[here]: //{EVIL}",
        f"&#91;here](//{EVIL})",
    ],
)
def test_no_text_is_a_link(field, text):
    found = written(**{field: text})
    assert EVIL in found
    for live in ("](", "://", "www.", "]: //", "<a", "<h", "&#"):
        assert live not in found.casefold()


def test_marks_of_citations_stay():
    assert "> Thirty days [1], or more [2].\n" in written("Thirty days [1], or more [2].")
