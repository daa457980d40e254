"""Make the office samples anew: `python knowledge/tests/samples/make_office.py`.

The documents are written here as flat OpenDocument files, which LibreOffice (`soffice`) opens and
saves in each format. Nothing in them is true.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

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


def frame(role: str, content: str, top: int) -> str:
    return (
        f'<draw:frame presentation:class="{role}" svg:x="2cm" svg:y="{top}cm" svg:width="22cm"'
        f' svg:height="4cm"><draw:text-box>{content}</draw:text-box></draw:frame>'
    )


def slide(title: str, content: str, notes: str = "") -> str:
    said = f"<presentation:notes>{frame('notes', paragraph(notes), 12)}</presentation:notes>"
    return (
        f'<draw:page draw:master-page-name="Default">{frame("title", paragraph(title), 1)}{content}'
        f"{said if notes else ''}</draw:page>"
    )


SLIDES = document(
    "presentation",
    slide("Lighthouse review", frame("subtitle", paragraph("Spring meeting of the keepers"), 7))
    + slide(
        "Lamps",
        frame("outline", items("All lamps now burn rapeseed oil.", "Spares lie in the cellar."), 7),
        notes="The keeper of Skagen asked for a second spare lamp.",
    )
    + slide(
        "Range",
        '<draw:frame svg:x="2cm" svg:y="6cm" svg:width="22cm" svg:height="4cm">'
        + table("", [["Lighthouse", "Range"], ["Skagen", "20 miles"], ["Anholt", "14 miles"]])
        + "</draw:frame>",
    ),
    '<office:styles><style:presentation-page-layout style:name="AL1"/></office:styles>'
    '<office:automatic-styles><style:page-layout style:name="PM1"><style:page-layout-properties'
    ' fo:page-width="28cm" fo:page-height="21cm"/></style:page-layout></office:automatic-styles>'
    '<office:master-styles><style:master-page style:name="Default"'
    ' style:page-layout-name="PM1"/></office:master-styles>',
)

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
    "lighthouse.fodp": (SLIDES, ["pptx", "ppt"]),
    "orchard.fods": (SHEETS, ["xlsx", "xls", "ods", "csv"]),
}


def main() -> None:
    soffice = shutil.which("soffice")
    if soffice is None:
        raise SystemExit("LibreOffice (soffice) is needed.")
    with tempfile.TemporaryDirectory() as directory:
        for name, (content, extensions) in SOURCES.items():
            source = Path(directory, name)
            source.write_text(content)
            for extension in extensions:
                subprocess.run(
                    [
                        soffice,
                        f"-env:UserInstallation=file://{directory}/profile",
                        "--headless",
                        "--convert-to",
                        extension,
                        "--outdir",
                        HERE,
                        source,
                    ],
                    check=True,
                    timeout=300,
                )


if __name__ == "__main__":
    main()
