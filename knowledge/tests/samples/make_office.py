"""Make the office samples anew: `python knowledge/tests/samples/make_office.py`.

LibreOffice (`soffice`) opens what is written here, flat OpenDocument files for the most part, and
saves it in each format. Nothing in them is true.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from pptx import Presentation
from pptx.util import Cm

HERE = Path(__file__).parent
NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "style": "style",
        "svg": "svg-compatible",
        "fo": "xsl-fo-compatible",
        "presentation": "presentation",
        "number": "datastyle",
    }.items()
)

WINDFALL = [
    ["Region", "Turbines", "Output"],
    ["North coast", "14", "412 MWh"],
    ["Ridge", "9", "205 MWh"],
]


def document(kind: str, body: str, styles: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document {NAMESPACES} office:version="1.3"'
        f' office:mimetype="application/vnd.oasis.opendocument.{kind}">{styles}'
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document>"
    )


def paragraph(text: str) -> str:
    return f"<text:p>{escape(text)}</text:p>"


def heading(level: int, text: str) -> str:
    return (
        f'<text:h text:style-name="Heading_20_{level}" text:outline-level="{level}">'
        f"{escape(text)}</text:h>"
    )


def items(*texts: str) -> str:
    listed = "".join(f"<text:list-item>{paragraph(text)}</text:list-item>" for text in texts)
    return f"<text:list>{listed}</text:list>"


def table(name: str, rows: list[list[str]], *, hidden: bool = False) -> str:
    columns = f'<table:table-column table:number-columns-repeated="{len(rows[0])}"/>'
    lines = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    style = ' table:style-name="hidden"' if hidden else ""
    return f'<table:table table:name="{escape(name)}"{style}>{columns}{lines}</table:table>'


def cell(value: str) -> str:
    """Numbers and ISO dates become values, as they would when typed."""
    kind = 'office:value-type="string"'
    if value.replace(".", "", 1).isdigit():
        kind = f'office:value-type="float" office:value="{value}"'
    elif len(value) == 10 and value[4] == value[7] == "-":
        kind = f'table:style-name="date" office:value-type="date" office:date-value="{value}"'
    return f"<table:table-cell {kind}>{paragraph(value)}</table:table-cell>"


TEXT = document(
    "text",
    '<text:p text:style-name="Title">Windmill manual</text:p>'
    + heading(1, "Operation")
    + paragraph("The mill is started by the miller on duty and by nobody else.")
    + heading(2, "Storms")
    + "<text:p>Above 25 metres a second the sails are furled and the brake is set.<text:note"
    ' text:id="ftn1" text:note-class="footnote"><text:note-citation>1</text:note-citation>'
    "<text:note-body><text:p>Measured at the cap, not on the ground.</text:p></text:note-body>"
    "</text:note></text:p>"
    + items("Warn the village.", "Close the hatch.")
    + heading(1, "Yield")
    + paragraph("Last year's output by region:")
    + table("Yield", WINDFALL),
    '<office:styles><style:style style:name="Title" style:family="paragraph"/>'
    + "".join(
        f'<style:style style:name="Heading_20_{level}" style:display-name="Heading {level}"'
        f' style:family="paragraph" style:default-outline-level="{level}"/>'
        for level in (1, 2)
    )
    + "</office:styles>",
)


def write_slides(path: Path) -> None:
    """The slides are written by python-pptx: flat presentations lose their titles."""
    show = Presentation()
    first, lamps, ranges = (show.slides.add_slide(show.slide_layouts[at]) for at in (0, 1, 5))
    first.shapes.title.text = "Lighthouse review"
    first.placeholders[1].text = "Spring meeting of the keepers"
    lamps.shapes.title.text = "Lamps"
    lamps.placeholders[1].text = "All lamps now burn rapeseed oil.\nSpares lie in the cellar."
    lamps.notes_slide.notes_text_frame.text = "The keeper of Skagen asked for a second spare lamp."
    ranges.shapes.title.text = "Range"
    values = [["Lighthouse", "Range"], ["Skagen", "20 miles"], ["Anholt", "14 miles"]]
    cells = ranges.shapes.add_table(3, 2, Cm(2), Cm(6), Cm(20), Cm(4)).table
    for at, row in enumerate(values):
        for column, value in enumerate(row):
            cells.cell(at, column).text = value
    show.save(str(path))


ORCHARDS = [
    ["Orchard", "Variety", "Trees", "Planted", "Price"],
    ["Hill", "Boskoop", "120", "1998-03-14", "2.5"],
    ["Brook", "Gravenstein", "75", "2004-11-02", "3.25"],
    ["Mill", "Cox Orange", "210", "2011-04-21", "2.75"],
]
SHEETS = document(
    "spreadsheet",
    table("Orchards", [["Orchards of the parish", "", "", "", ""], *ORCHARDS])
    + table(
        "Pickers",
        [["Name", "Orchard", "Hours"], ["Edda", "Hill", "31"], ["Jens", "Brook", "18"]],
        hidden=True,
    ),
    '<office:automatic-styles><number:date-style style:name="iso"><number:year'
    ' number:style="long"/><number:text>-</number:text><number:month number:style="long"/>'
    '<number:text>-</number:text><number:day number:style="long"/></number:date-style>'
    '<style:style style:name="date" style:family="table-cell" style:data-style-name="iso"/>'
    '<style:style style:name="hidden" style:family="table"><style:table-properties'
    ' table:display="false"/></style:style></office:automatic-styles>',
)
SOURCES = {
    "windmill.fodt": (TEXT, ["docx", "doc", "odt"]),
    "orchard.fods": (SHEETS, ["xlsx", "xls", "ods", "csv"]),
}


def main() -> None:
    soffice = shutil.which("soffice")
    if soffice is None:
        raise SystemExit("LibreOffice (soffice) is needed.")
    with tempfile.TemporaryDirectory() as directory:
        slides = Path(directory, "lighthouse.pptx")
        write_slides(slides)
        convert(soffice, slides, "pptx")
        for name, (content, extensions) in SOURCES.items():
            source = Path(directory, name)
            source.write_text(content)
            for extension in extensions:
                convert(soffice, source, extension)


def convert(soffice: str, source: Path, extension: str) -> None:
    profile = f"-env:UserInstallation=file://{source.parent}/profile"
    command = [soffice, profile, "--headless", "--convert-to", extension, "--outdir", HERE, source]
    subprocess.run(command, check=True, timeout=300)


if __name__ == "__main__":
    main()
