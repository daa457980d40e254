import io
import zipfile

import pytest
from pptx import Presentation
from pptx.util import Cm

from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import Limits, UnreadableDocument

TITLE_ONLY, BLANK = 5, 6


@pytest.fixture
def read(tmp_path):
    def read(show, *, change=lambda name, content: content, limits=None):
        saved = io.BytesIO()
        show.save(saved)
        path = tmp_path / "upload"
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                if (content := change(name, old.read(name))) is not None:
                    new.writestr(name, content)
        assert detect_type(path, filename="notes.txt") == "pptx"
        return read_document(path, filename="notes.txt", limits=limits)

    return read


@pytest.fixture
def show():
    return Presentation()


def add_slide(show, title="", layout=TITLE_ONLY):
    slide = show.slides.add_slide(show.slide_layouts[layout])
    if title:
        slide.shapes.title.text = title
    return slide


def box(shapes, text):
    shapes.add_textbox(0, 0, Cm(1), Cm(1)).text_frame.text = text


def pages(reading):
    return [reading.content[page.start : page.end] for page in reading.pages]


def test_a_slide_is_a_page_with_its_title_for_a_heading(read, show):
    slide = add_slide(show, "Results", layout=1)
    slide.placeholders[1].text = "A good year\nA better one"
    slide.placeholders[1].text_frame.paragraphs[1].level = 1
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    box(add_slide(show, "Outlook").shapes, "Sunny")
    reading = read(show)
    assert pages(reading) == [
        "Results\n\nA good year\n  - A better one\n\nNotes: Say it slowly.",
        "Outlook\n\nSunny",
    ]
    assert [(h.level, h.title) for h in reading.headings] == [(1, "Results"), (1, "Outlook")]
    assert reading.page_count == 2


def test_the_title_comes_first_wherever_it_stands(read, show):
    slide = add_slide(show, "Results")
    box(slide.shapes, "first box")
    tree = slide.shapes._spTree
    tree.append(slide.shapes.title._element)
    assert pages(read(show)) == ["Results\n\nfirst box"]


def test_a_slide_without_title_is_headed_by_its_number_and_an_empty_one_by_nothing(read, show):
    add_slide(show, "Results")
    add_slide(show, layout=BLANK)
    box(add_slide(show, layout=BLANK).shapes, "Sunny")
    reading = read(show)
    assert pages(reading) == ["Results", "", "Slide 3\n\nSunny"]
    assert [heading.title for heading in reading.headings] == ["Results", "Slide 3"]


def test_shapes_in_groups_are_read(read, show):
    group = add_slide(show, layout=BLANK).shapes.add_group_shape()
    box(group.shapes, "outer")
    box(group.shapes.add_group_shape().shapes, "inner")
    assert read(show).content == "Slide 1\n\nouter\n\ninner"


def test_the_rows_of_a_table_say_their_header(read, show):
    table = add_slide(show, "Range").shapes.add_table(3, 2, 0, 0, Cm(9), Cm(2)).table
    for cell, value in zip(table.iter_cells(), ("Light", "Miles", "Skagen", "20"), strict=False):
        cell.text = value
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(2, 1).text = "25"
    assert read(show).content == (
        "Range\n\nLight | Miles\nLight: Skagen | Miles: 20\nLight: Skagen | Miles: 25"
    )
    table.first_row = False
    table.cell(0, 1).text = "3"
    assert "Skagen | 20" in read(show).content


def test_dates_footers_and_numbers_of_slides_are_left_out(read, show):
    slide = add_slide(show, "Results")
    for kind in ("dt", "ftr", "sldNum"):
        box(slide.shapes, kind)
        shape = slide.shapes[-1]._element
        placeholder = shape.nvSpPr.nvPr._add_ph()
        placeholder.set("type", kind)
    assert read(show).content == "Results"


def test_hidden_slides_are_read_and_order_is_that_of_the_show(read, show):
    add_slide(show, "Second")._element.set("show", "0")
    add_slide(show, "First")
    slides = show.slides._sldIdLst
    slides.append(slides[0])
    assert pages(read(show)) == ["First", "Second"]


def test_more_slides_than_allowed_are_refused(read, show):
    for _ in range(3):
        add_slide(show, "Results")
    with pytest.raises(UnreadableDocument, match="more than 2 slides"):
        read(show, limits=Limits(pages=2))


def test_a_slide_or_notes_that_are_missing_are_done_without(read, show):
    add_slide(show, "First").notes_slide.notes_text_frame.text = "gone"
    add_slide(show, "Second")
    gone = {"ppt/slides/slide2.xml", "ppt/notesSlides/notesSlide1.xml"}
    assert pages(read(show, change=lambda n, c: None if n in gone else c)) == ["First"]


def test_documents_that_declare_a_type_are_refused(read, show):
    add_slide(show, "First")
    with pytest.raises(UnreadableDocument, match="declares entities"):
        read(
            show,
            change=lambda name, content: (
                content.replace(b"?>", b'?><!DOCTYPE p [<!ENTITY a "b">]>', 1)
                if name == "ppt/slides/slide1.xml"
                else content
            ),
        )


def test_a_show_without_text_is_refused(read, show):
    add_slide(show, layout=BLANK)
    with pytest.raises(UnreadableDocument, match="no text"):
        read(show)


def test_a_slide_listed_again_and_again_is_refused(read, show):
    add_slide(show, "Results")
    listed = b'<p:sldId id="256" r:id="rId7"/>'

    def repeat(name, content):
        if name == "ppt/slides/slide1.xml":
            return content + b" " * 8_000_000
        assert listed in content or name != "ppt/presentation.xml"
        return content.replace(listed, listed * 100)

    with pytest.raises(UnreadableDocument, match="larger than 268 MB"):
        read(show, change=repeat)
