import io
import zipfile

import pytest
from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn

from knowledge.ingestion.formats import ooxml
from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import Limits, UnreadableDocument


@pytest.fixture
def read(tmp_path):
    def read(document, *, change=lambda name, content: content, limits=None):
        saved = io.BytesIO()
        document.save(saved)
        path = tmp_path / "upload"
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                if (content := change(name, old.read(name))) is not None:
                    new.writestr(name, content)
        assert detect_type(path, filename="report.pdf") == "docx"
        return read_document(path, filename="report.pdf", limits=limits)

    return read


def add(paragraph, xml):
    name, _, rest = xml.partition(">")
    paragraph._p.append(parse_xml(f"{name} {nsdecls('w')}>{rest}"))


def titles(reading):
    for heading in reading.headings:
        assert reading.content[heading.start : heading.end] == heading.title
    return [(heading.level, heading.title) for heading in reading.headings]


def test_headings_paragraphs_lists_and_tables_come_in_order(read):
    document = Document()
    document.add_heading("Leave", 1)
    document.add_paragraph("Everybody has leave.")
    document.add_paragraph("paid", style="List Bullet")
    document.add_paragraph("unpaid", style="List Number")
    table = document.add_table(0, 2)
    for values in (("Region", "Days"), ("North", "28")):
        for cell, value in zip(table.add_row().cells, values, strict=True):
            cell.text = value
    document.add_heading("Sick leave", 2)
    document.add_paragraph("A note is needed.")
    reading = read(document)
    assert reading.content == (
        "Leave\n\nEverybody has leave.\n\n- paid\n- unpaid\n\nRegion | Days\n"
        "Region: North | Days: 28\n\nSick leave\n\nA note is needed."
    )
    assert titles(reading) == [(1, "Leave"), (2, "Sick leave")]
    assert (reading.pages, reading.page_count) == ((), None)


def test_a_title_stands_over_all_headings(read):
    document = Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Leave", 1)
    document.add_heading("Sick leave", 2)
    assert titles(read(document)) == [(1, "Handbook"), (2, "Leave"), (3, "Sick leave")]


def test_outline_levels_and_styles_based_on_headings_make_headings(read):
    document = Document()
    own = document.styles.add_style("Kapitel", WD_STYLE_TYPE.PARAGRAPH)
    own.base_style = document.styles["Heading 2"]
    document.add_paragraph("By its style", style="Kapitel")
    for level, text in (("0", "By itself"), ("9", "No heading")):
        outline = OxmlElement("w:outlineLvl")
        outline.set(qn("w:val"), level)
        document.add_paragraph(text)._p.get_or_add_pPr().append(outline)
    assert titles(read(document)) == [(2, "By its style"), (1, "By itself")]


def test_styles_based_on_each_other_end(read):
    document = Document()
    first = document.styles.add_style("First", WD_STYLE_TYPE.PARAGRAPH)
    second = document.styles.add_style("Second", WD_STYLE_TYPE.PARAGRAPH)
    first.base_style, second.base_style = second, first
    document.add_paragraph("Text", style="First")
    assert read(document).content == "Text"


def test_what_a_reader_of_the_page_does_not_see_is_left_out(read):
    document = Document()
    document.sections[0].header.paragraphs[0].text = "Header"
    document.sections[0].footer.paragraphs[0].text = "Footer"
    paragraph = document.add_paragraph("Seen")
    add(paragraph, "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>")
    add(paragraph, "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>")
    add(paragraph, "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>")
    add(paragraph, "<w:r><w:instrText>PAGE</w:instrText></w:r>")
    add(paragraph, '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> too</w:t></w:r>')
    document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("Leave 7", style="toc 1")
    assert read(document).content == "Seen too"


def test_text_in_links_insertions_and_controls_is_kept(read):
    document = Document()
    paragraph = document.add_paragraph("a")
    add(paragraph, "<w:hyperlink><w:r><w:t>b</w:t></w:r></w:hyperlink>")
    add(paragraph, "<w:ins><w:r><w:t>c</w:t><w:tab/><w:t>d</w:t><w:br/></w:r></w:ins>")
    add(paragraph, "<w:sdt><w:sdtContent><w:r><w:t>e</w:t></w:r></w:sdtContent></w:sdt>")
    control = parse_xml(
        f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>f</w:t></w:r></w:p>"
        "</w:sdtContent></w:sdt>"
    )
    document.element.body.insert(1, control)
    assert read(document).content == "abc d\ne\n\nf"


def test_a_text_box_is_read_once_after_its_paragraph(read):
    document = Document()
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    document.add_paragraph("before")._p.append(
        parse_xml(
            f"<w:r {nsdecls('w')} {mc}><mc:AlternateContent><mc:Choice>{box}</mc:Choice>"
            f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"
        )
    )
    document.add_paragraph("after")
    assert read(document).content == "before\n\nboxed\n\nafter"


def test_cells_merged_over_rows_speak_for_each_row(read):
    document = Document()
    table = document.add_table(3, 3)
    for at, values in enumerate((("Region", "Year", "Sum"), ("North", "2023", "5"))):
        for cell, value in zip(table.rows[at].cells, values, strict=True):
            cell.text = value
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(2, 1).text, table.cell(2, 2).text = "2024", "7"
    assert "Region: North | Year: 2024 | Sum: 7" in read(document).content


def test_cells_merged_over_columns_keep_the_others_under_their_header(read):
    document = Document()
    table = document.add_table(2, 3)
    for cell, value in zip(table.rows[0].cells, ("Item", "Price", "Sum"), strict=True):
        cell.text = value
    table.cell(1, 0).merge(table.cell(1, 1)).text = "Lamp"
    table.cell(1, 2).text = "7"
    assert "Item: Lamp | Sum: 7" in read(document).content


@pytest.mark.parametrize("how", ["bold", "repeated"])
def test_a_first_row_that_looks_like_a_header_is_one(read, how):
    document = Document()
    table = document.add_table(2, 2)
    values = ("Berlin", "Germany", "Paris", "France")
    for cell, value in zip(table._cells, values, strict=True):
        cell.text = value
    assert "Paris | France" in read(document).content
    if how == "bold":
        for cell in table.rows[0].cells:
            cell.paragraphs[0].runs[0].bold = True
    else:
        table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    assert "Berlin: Paris | Germany: France" in read(document).content


def test_a_frame_of_one_column_is_no_table(read):
    document = Document()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.paragraphs[0].text = "Leave"
    cell.paragraphs[0].style = "Heading 1"
    cell.add_paragraph("Everybody has leave.")
    reading = read(document)
    assert reading.content == "Leave\n\nEverybody has leave."
    assert titles(reading) == [(1, "Leave")]


@pytest.mark.parametrize(
    "main",
    [
        b"application/vnd.ms-word.document.macroEnabled.main+xml",
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ],
)
def test_documents_with_macros_and_templates_are_read(read, main):
    usual = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    document = Document()
    document.add_paragraph("Text")
    assert read(document, change=lambda _, content: content.replace(usual, main)).content == "Text"


def test_strict_documents_are_read(read):
    transitional = b"http://schemas.openxmlformats.org/"
    document = Document()
    document.add_heading("Leave", 1)
    reading = read(
        document,
        change=lambda name, content: (
            content.replace(transitional, b"http://purl.oclc.org/ooxml/")
            if name != "[Content_Types].xml"
            else content
        ),
    )
    assert titles(reading) == [(1, "Leave")]


def test_missing_parts_are_done_without(read):
    document = Document()
    document.add_heading("Leave", 1)
    reading = read(document, change=lambda n, content: None if n == "word/styles.xml" else content)
    assert reading.content == "Leave"
    with pytest.raises(UnreadableDocument, match="damaged"):
        read(document, change=lambda n, content: None if n == "word/document.xml" else content)


@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "_rels/.rels"])
@pytest.mark.parametrize(
    "declared", [b'<!ENTITY a "b">', b'<!ENTITY a SYSTEM "file:///etc/passwd">', b""]
)
def test_documents_that_declare_a_type_are_refused(read, part, declared):
    def declare(name, content):
        if name != part:
            return content
        head, mark, rest = content.partition(b"?>")
        return head + mark + b"<!DOCTYPE x [" + declared + b"]>" + rest

    document = Document()
    document.add_paragraph("Text")
    with pytest.raises(UnreadableDocument, match="declares entities"):
        read(document, change=declare)


def test_nothing_outside_the_document_is_looked_for(read, tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_text("<w:styles/>")
    document = Document()
    document.add_paragraph("Text")

    def lead_out(name, content):
        if name != "word/_rels/document.xml.rels":
            return content
        return content.replace(
            b'Target="styles.xml"', b'Target="../../../../' + str(secret).encode() + b'"'
        )

    assert read(document, change=lead_out).content == "Text"


def test_a_nesting_too_deep_is_damage(read):
    deep = b"<w:sdt><w:sdtContent>" * 200 + b"</w:sdtContent></w:sdt>" * 200
    document = Document()
    with pytest.raises(UnreadableDocument, match="damaged"):
        read(document, change=lambda _, content: content.replace(b"<w:sectPr", deep + b"<w:sectPr"))


def test_too_much_text_is_refused(read):
    document = Document()
    document.add_paragraph("a" * 101)
    with pytest.raises(UnreadableDocument, match="more than 100 characters"):
        read(document, limits=Limits(characters=100))
    assert len(read(document, limits=Limits(characters=101)).content) == 101


def test_footnotes_follow_their_paragraph(read):
    note = (
        f'<w:footnotes {nsdecls("w")}><w:footnote w:id="0" w:type="separator"><w:p/></w:footnote>'
        '<w:footnote w:id="5"><w:p><w:r><w:t>Not on Sundays.</w:t></w:r></w:p></w:footnote>'
        "</w:footnotes>"
    )
    relation = (
        b'<Relationship Id="n" Type="http://x/footnotes" Target="settings.xml"/></Relationships>'
    )
    document = Document()
    paragraph = document.add_paragraph("Open daily.")
    add(paragraph, '<w:r><w:footnoteReference w:id="5"/></w:r>')
    document.add_paragraph("Closed at night.")

    def with_notes(name, content):
        if name == "word/_rels/document.xml.rels":
            return content.replace(b"</Relationships>", relation)
        return note if name == "word/settings.xml" else content

    reading = read(document, change=with_notes)
    assert reading.content == "Open daily. [1]\n\n[1] Not on Sundays.\n\nClosed at night."


def test_more_paragraphs_than_a_text_has_are_refused(read, monkeypatch):
    monkeypatch.setattr(ooxml, "_MOST_ELEMENTS", 1_000)  # half a million takes seconds to write
    many = b"<w:p/>" * 1_001
    document = Document()
    with pytest.raises(UnreadableDocument, match="more than 1,000 paragraphs"):
        read(document, change=lambda _, content: content.replace(b"<w:sectPr", many + b"<w:sectPr"))
