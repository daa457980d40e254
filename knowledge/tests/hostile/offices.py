"""Office files, put together by hand: entities, references to elsewhere, and no end of cells."""

from knowledge.tests.hostile.cases import SERVER, case, variants
from knowledge.tests.hostile.packages import a_zip
from knowledge.tests.hostile.texts import EXTERNAL, LAUGHS, QUADRATIC

XML = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
OFFICE = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = b"http://schemas.openxmlformats.org/package/2006/"
MAIN = b"http://schemas.openxmlformats.org/%sml/2006/main"
KIND = b"application/vnd.openxmlformats-officedocument.%s.main+xml"


def related(*relations):
    """A part of relations: (type, target), or with True where the target is elsewhere."""
    rows = b"".join(
        b'<Relationship Id="rId%d" Type="%s/%s" Target="%s"%s/>'
        % (number, OFFICE, kind, target, b' TargetMode="External"' if elsewhere else b"")
        for number, (kind, target, *elsewhere) in enumerate(relations, start=1)
    )
    return XML + b'<Relationships xmlns="%srelationships">%s</Relationships>' % (PACKAGE, rows)


def package(part, kind, content, relations=(), **more):
    name, directory = part.decode(), part.rsplit(b"/", 1)[0].decode()
    types = (
        XML
        + b'<Types xmlns="%scontent-types">' % PACKAGE
        + b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package'
        b'.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        + b'<Override PartName="/%s" ContentType="%s"/>' % (part, KIND % kind)
        + more.pop("types", b"")
        + b"</Types>"
    )
    return a_zip(
        {
            "[Content_Types].xml": types,
            "_rels/.rels": related((b"officeDocument", part)),
            name: content,
            f"{directory}/_rels/{name.rsplit('/', 1)[1]}.rels": related(*relations),
            **{path.replace("__", "/"): body for path, body in more.items()},
        }
    )


def docx(body, before=b"", relations=(), **more):
    content = (
        XML + before + b'<w:document xmlns:w="%s" xmlns:r="%s"><w:body>%s</w:body></w:document>'
    )
    content = content % (MAIN % b"wordprocessing", OFFICE, body)
    return package(b"word/document.xml", b"wordprocessingml.document", content, relations, **more)


def xlsx(rows, before=b"", strings=b"", relations=(), sheet=b""):
    main = MAIN % b"spreadsheet"
    workbook = XML + b'<workbook xmlns="%s" xmlns:r="%s"><sheets>' % (main, OFFICE)
    workbook += b'<sheet name="Days" sheetId="1" r:id="rId1"/></sheets></workbook>'
    content = XML + before + b'<worksheet xmlns="%s">%s<sheetData>%s</sheetData></worksheet>'
    shared = XML + b'<sst xmlns="%s" count="4000000000" uniqueCount="4000000000">%s</sst>'
    worksheet = b"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
    relations = (
        (b"worksheet", b"worksheets/1.xml"),
        (b"sharedStrings", b"strings.xml"),
        *relations,
    )
    return package(
        b"xl/workbook.xml",
        b"spreadsheetml.sheet",
        workbook,
        relations,
        types=b'<Override PartName="/xl/worksheets/1.xml" ContentType="%s"/>' % worksheet,
        **{
            "xl__worksheets__1.xml": content % (main, sheet, rows),
            "xl__strings.xml": shared % (main, strings),
        },
    )


def pptx(slides, text, before=b""):
    drawing, main = MAIN % b"drawing", MAIN % b"presentation"
    listed = b"".join(
        b'<p:sldId id="%d" r:id="rId%d"/>' % (255 + number, number)
        for number in range(1, slides + 1)
    )
    show = XML + b'<p:presentation xmlns:p="%s" xmlns:r="%s"><p:sldIdLst>%s</p:sldIdLst>'
    slide = (
        XML + before + b'<p:sld xmlns:p="%s" xmlns:a="%s"><p:cSld><p:spTree><p:sp><p:txBody>'
        b"<a:p><a:r><a:t>%s</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
    ) % (main, drawing, text)
    kind = b"application/vnd.openxmlformats-officedocument.presentationml.slide+xml"
    return package(
        b"ppt/presentation.xml",
        b"presentationml.presentation",
        (show + b"</p:presentation>") % (main, OFFICE, listed),
        [(b"slide", b"slides/1.xml")] * slides,
        types=b'<Override PartName="/ppt/slides/1.xml" ContentType="%s"/>' % kind,
        **{"ppt__slides__1.xml": slide},
    )


def ods(rows, before=b""):
    name = b"urn:oasis:names:tc:opendocument:xmlns:%s:1.0"
    content = (
        XML.replace(b' standalone="yes"', b"")
        + before
        + b'<office:document-content xmlns:office="%s"'
        b' xmlns:table="%s" xmlns:text="%s"><office:body><office:spreadsheet><table:table'
        b' table:name="Days">%s</table:table></office:spreadsheet></office:body>'
        b"</office:document-content>"
    ) % (name % b"office", name % b"table", name % b"text", rows)
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    return a_zip({"mimetype": kind, "content.xml": content})


def says(text):
    return b"<w:p><w:r><w:t>%s</w:t></w:r></w:p>" % text


def inline(text, more=b""):
    return b'<row %s><c t="inlineStr"><is><t>%s</t></is></c></row>' % (more, text)


def laughing(make, before, within):
    return make(within, before=before)


BOMBS = {
    "laughs": (LAUGHS, b"&j;"),
    "quadratic": (QUADRATIC, b"&a;" * 50_000),
    "elsewhere": (EXTERNAL, b"&a;&b;"),
}
MAKERS = {
    "docx": lambda text, before: docx(says(text), before),
    "xlsx": lambda text, before: xlsx(inline(text), before),
    "pptx": lambda text, before: pptx(1, text, before),
    "ods": lambda text, before: ods(
        b"<table:table-row><table:table-cell><text:p>%s</text:p></table:table-cell>"
        b"</table:table-row>" % text,
        before,
    ),
}


def with_entities(name):
    bomb, kind = name.split(".")
    before, text = BOMBS[bomb]
    return MAKERS[kind](text, before)


variants("entities-{}", with_entities, [f"{bomb}.{kind}" for bomb in BOMBS for kind in MAKERS])


def plain(kind):
    return MAKERS[kind](b"The zeppelin leaves at seven.", b"")


variants("plain.{}", plain, list(MAKERS))


def truncated(share):
    content = docx(b"".join(says(b"zeppelin %d" % number) for number in range(5_000)))
    return content[: len(content) * share // 100]


variants("truncated-at-{}-percent.docx", truncated, [10, 50, 90, 99])


@case("pictures-elsewhere.docx")
def _():
    return docx(
        says(b"zeppelin"),
        relations=[
            (b"image", SERVER + b"/image", True),
            (b"attachedTemplate", SERVER + b"/template", True),
            (b"hyperlink", SERVER + b"/link", True),
            (b"oleObject", SERVER + b"/ole", True),
            (b"footnotes", b"file:///etc/passwd", True),
        ],
    )


@case("parts-of-themselves.docx")
def _():
    relations = [(b"styles", b"document.xml"), (b"numbering", b"../word/document.xml")]
    return docx(says(b"zeppelin"), relations=relations)


@case("parts-outside.docx")
def _():
    return docx(says(b"zeppelin"), relations=[(b"styles", b"../../../../etc/passwd")])


@case("deep-tables.docx")
def _():
    cell = b"<w:tbl><w:tr><w:tc>"
    end = b"</w:tc></w:tr></w:tbl>"
    return docx(cell * 5_000 + says(b"zeppelin") + end * 5_000)


@case("deep-runs.docx")
def _():
    return docx(b"<w:p>" + b"<w:ins>" * 50_000 + b"</w:ins>" * 50_000 + b"</w:p>")


@case("many-paragraphs.docx", is_slow=True)
def _():
    return docx(says(b"The zeppelin leaves at seven.") * 200_000)


@case("million-columns.docx", is_slow=True)
def _():
    return docx(b"<w:tbl><w:tr>" + b"<w:tc><w:p/></w:tc>" * 100_000 + b"</w:tr></w:tbl>")


@case("million-rows.xlsx", is_slow=True)
def _():
    return xlsx(inline(b"zeppelin") * 1_000_000)


@case("far-cell.xlsx")
def _():
    row = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>zeppelin</t></is></c></row>'
    return xlsx(inline(b"zeppelin", b'r="1"') + row, sheet=b'<dimension ref="A1:XFD1048576"/>')


@case("cell-too-far.xlsx")
def _():
    return xlsx(b'<row r="4294967295"><c r="ZZZZZZZ4294967295"><v>1</v></c></row>')


@case("no-such-string.xlsx")
def _():
    return xlsx(b'<row><c t="s"><v>4000000000</v></c><c t="s"><v>-1</v></c></row>')


@case("long-string-often.xlsx")
def _():
    strings = b"<si><t>" + b"zeppelin " * 10_000 + b"</t></si>"
    return xlsx(b'<row><c t="s"><v>0</v></c></row>' * 50_000, strings=strings)


@case("links-elsewhere.xlsx")
def _():
    return xlsx(inline(b"zeppelin"), relations=[(b"externalLink", SERVER + b"/book", True)])


@case("rows-repeated.ods")
def _():
    return ods(
        b'<table:table-row table:number-rows-repeated="1000000000"><table:table-cell'
        b' table:number-columns-repeated="1000000000"><text:p>zeppelin</text:p>'
        b"</table:table-cell></table:table-row>"
    )


@case("deep-rows.ods")
def _():
    return ods(b"<table:table-row-group>" * 100_000)


@case("many-slides.pptx", is_slow=True)
def _():
    return pptx(5_000, b"zeppelin")


@case("sheet-called.docx")
def _():
    return xlsx(inline(b"zeppelin"))


@case("document-called.pdf")
def _():
    return docx(says(b"zeppelin"))


@case("no-types.docx")
def _():
    return a_zip({"word/document.xml": b"<w:document/>"})


@case("everything-at-once.docx")
def _():
    parts = ("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml", "content.xml")
    return a_zip({"[Content_Types].xml": b"<Types/>", **dict.fromkeys(parts, b"<x/>")})
