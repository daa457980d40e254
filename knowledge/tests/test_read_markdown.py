import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.ingestion.formats.markdown import find_headings
from knowledge.ingestion.read import read_document


def titles(content):
    return [(heading.level, heading.title) for heading in find_headings(content)]


def test_headings_are_found_with_their_place(tmp_path):
    path = tmp_path / "handbook.md"
    path.write_bytes(b"# Leave\r\n\r\nText\r\n\r\n## Vacation\r\nMore\r\n")
    reading = read_document(path, filename="handbook.md")
    assert reading.file_type == "md"
    assert reading.is_markdown
    assert reading.pages == ()
    assert reading.page_count is None
    assert [(heading.level, heading.title) for heading in reading.headings] == [
        (1, "Leave"),
        (2, "Vacation"),
    ]
    assert [reading.content[heading.start : heading.end] for heading in reading.headings] == [
        "# Leave",
        "## Vacation",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("####### seven", []),
        ("#hashtag", []),
        ("    # code", []),
        ("# ", []),
        ("   ### Three ###", [(3, "Three")]),
        ("# The `split()` of **snake_case** and _C_", [(1, "The split() of snake_case and C")]),
        ('## [Linked](http://x/) <a id="x"></a>title', [(2, "Linked title")]),
        ("Title\n=====\n\nOther title\n---", [(1, "Title"), (2, "Other title")]),
        ("text\nno title\n---", []),
        ("- item\n---", []),
        ("a | b\n--- | ---\n1 | 2", []),
        ("```\n# code\n```\n# Title", [(1, "Title")]),
        ("````\n```\n# code\n`````\n# Title", [(1, "Title")]),
        ("~~~ python\n# code\n```\n# code", []),
        ("```inline``` code\n# Title", [(1, "Title")]),
        ("---\ntitle: x\n# comment\n---\n# Title", [(1, "Title")]),
        ("---\n\n# Title\n\n---\n", [(1, "Title")]),
        ("# " + "x" * 1000, [(1, "x" * 200)]),
    ],
)
def test_only_headings_are_headings(content, expected):
    assert titles(content) == expected


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["# a", "## b ##", "```", "~~~~", "", "---", "===", "text", "> # q", "    x"]
        )
    )
)
def test_headings_are_in_order_and_say_their_title(lines):
    content = "\n".join(lines)
    end = 0
    for heading in find_headings(content):
        assert end <= heading.start < heading.end <= len(content)
        assert heading.title in content[heading.start : heading.end]
        end = heading.end


@pytest.mark.parametrize(
    "line", ["#", "# ", "`", "```x`", "~", "=", ">", "\n\na\n=x", "# a\n", "[", "---\na:\n", "*"]
)
def test_a_hostile_text_takes_no_longer_than_a_long_one(line):
    assert len(titles(line * (500_000 // len(line)))) < 200_000
