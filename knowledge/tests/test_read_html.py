import pytest

from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import Limits, UnreadableDocument

PAGE = """<!DOCTYPE html>
<html><head><title>Leave - Acme</title>
<style>p { color: red }</style><script>alert(1)</script></head>
<body>
<nav><a href="/">Home</a></nav>
<main>
<h1>Leave <small>2026</small></h1>
<p>Everybody has   <b>25</b> days
of leave.<br>Ask&nbsp;early.<p>Left over days expire.
<h2>How to ask</h2>
<ol start="3"><li>Write<li>Wait<ul><li>A week<p>or two</ul><li>Go</ol>
<table><caption>Days by office</caption>
<tr><th>Office<th>Days<tr><td rowspan="2">Basel<td>25<tr><td>27</table>
<pre>
  leave:
    days: 25
</pre>
<img src="http://127.0.0.1/x.png" alt="A beach">
</main></body></html>"""


@pytest.fixture
def read(tmp_path):
    def read(content, filename="page.html", **options):
        path = tmp_path / "upload"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_document(path, filename=filename, **options)

    return read


def test_a_page_becomes_what_a_person_sees_of_it(read):
    reading = read(PAGE)
    assert reading.file_type == "html"
    assert not reading.is_markdown
    assert (
        reading.content
        == """\
Leave - Acme

Leave 2026

Everybody has 25 days of leave.
Ask early.

Left over days expire.

How to ask

3. Write
4. Wait
  - A week
    or two
5. Go

Days by office

Office | Days
Office: Basel | Days: 25
Office: Basel | Days: 27

  leave:
    days: 25

A beach"""
    )


def test_headings_are_found_with_their_place(read):
    reading = read(PAGE)
    assert [(heading.level, heading.title) for heading in reading.headings] == [
        (1, "Leave 2026"),
        (2, "How to ask"),
    ]
    for heading in reading.headings:
        assert reading.content[heading.start : heading.end] == heading.title


def test_a_title_stands_for_a_heading_that_is_missing(read):
    reading = read("<title>Leave</title><p>25 days")
    assert reading.content == "Leave\n\n25 days"
    assert [heading.title for heading in reading.headings] == ["Leave"]


def test_a_title_that_only_repeats_the_heading_is_left_out(read):
    assert read("<title>Leave</title><h1>Leave</h1>").content == "Leave"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>never</script>",
        "<style>never</style>",
        "<template><p>never</p></template>",
        "<noscript>never</noscript>",
        "<!-- never -->",
        "<div hidden>never</div>",
        '<div style="color: red; DISPLAY : none">never</div>',
        '<p style="visibility:hidden">never</p>',
        '<span style="font-size:0px">never</span>',
        '<i aria-hidden="true">never</i>',
        "<dialog>never</dialog>",
        "<svg><text>never</text></svg>",
        "<select><option>never</option></select>",
        '<iframe srcdoc="never">never</iframe>',
    ],
)
def test_what_nobody_sees_is_left_out(read, hidden):
    assert read(f"<p>before{hidden}<p>after").content.split() == ["before", "after"]


@pytest.mark.parametrize(
    "shown",
    [
        '<div hidden="until-found">shown</div>',
        '<div aria-hidden="true">shown</div>',
        '<p style="font-size:0.9em">shown',
        "<dialog open>shown</dialog>",
        "<nav>shown</nav>",  # of a page that does not say which part is its main one
        "<h3><button>shown</button></h3>",
        "<details><p>shown</p></details>",
    ],
)
def test_what_may_be_seen_is_kept(read, shown):
    assert read(f"<p>before{shown}<p>after").content.split() == ["before", "shown", "after"]


def test_a_table_that_only_places_others_is_no_table(read):
    reading = read(
        "<table><tr><td>left</td><td><table><tr><th>A<th>B<tr><td>1<td>2</table>right</table>"
    )
    assert reading.content == "left\n\nA | B\nA: 1 | B: 2\n\nright"


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("<meta charset=windows-1251>", "cp1251"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        ('<?xml version="1.0" encoding="iso-8859-5"?><html>', "iso8859-5"),
        ("<meta charset=utf-16>", "utf-8"),  # what can be read so far is no UTF-16
        ("<meta charset=base64>", "utf-8"),
        ("<meta charset=nonsense>", "utf-8"),
        ("<meta charset=windows-1251>", "utf-16"),  # its byte order mark says more
        ("", "utf-8"),
    ],
)
def test_a_page_says_how_it_is_encoded(read, head, encoding):
    assert read(f"{head}<p>Каждый сотрудник".encode(encoding)).content == "Каждый сотрудник"


def test_latin_1_means_what_browsers_take_it_for(read):
    page = "<meta charset=iso-8859-1><p>5 €".encode("cp1252")
    assert read(page).content == "5 €"


@pytest.mark.parametrize(
    ("content", "filename", "file_type"),
    [
        ("<!doctype HTML><p>x", "page", "html"),
        ("\n<!-- saved from the web --><html>", "page.txt", "html"),
        ('<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml">', "x", "html"),
        ("<p>A fragment", "part.htm", "html"),
        ("A text about <html>", "notes.txt", "txt"),
        ("<p align=center>A readme", "README.md", "md"),
        ("No tag at all", "page.html", "txt"),
    ],
)
def test_a_page_is_told_by_its_beginning(tmp_path, content, filename, file_type):
    path = tmp_path / "upload"
    path.write_text(content)
    assert detect_type(path, filename=filename) == file_type


def test_text_too_long_is_refused_and_markup_is_not_counted(read):
    limits = Limits(characters=100)
    assert read("<p>" + "<b></b>" * 40 + "a" * 100, limits=limits).content == "a" * 100
    for page in ("<p>" + "a" * 101, "<p>" + "<b></b>" * 60 + "a"):
        with pytest.raises(UnreadableDocument, match="more than 100 characters"):
            read(page, limits=limits)


@pytest.mark.parametrize(
    ("nested", "closed"), [("<div>", "</div>"), ("<ul><li>", ""), ("<table><tr><td>", "</table>")]
)
def test_elements_may_lie_deep_in_each_other(read, nested, closed):
    content = read(nested * 100_000 + "inside" + closed * 100_000 + "<p>after").content
    assert "inside" in content
    assert "after" in content


def test_cells_over_many_rows_and_columns_cost_no_more_than_their_text(read):
    cells = "<td rowspan=99999 colspan=99999>abc" * 50
    content = read(f"<table><tr>{cells}<tr><td>x" + "<tr><td>y" * 2000).content
    assert len(content) < 50_000


def test_elements_may_have_any_number_of_attributes(read):
    many = "".join(f"a{number}='>' " for number in range(50_000))
    assert read(f"<p>before<p {many}title='x'>after").content == "before\n\nafter"
    assert read("<p><a href='a>b' " + "c " * 200 + ">few").content == "few"
