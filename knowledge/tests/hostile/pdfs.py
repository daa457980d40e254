"""PDFs that go in circles, claim what they have not, or are broken."""

import random
import zlib
from pathlib import Path

from knowledge.tests.hostile.cases import SERVER, case, variants

SAMPLES = Path(__file__).parents[1] / "samples"
TEXT = b"BT /F1 12 Tf 72 700 Td (The zeppelin leaves at seven.) Tj ET"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def stream(content, more=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), more, content)


def pdf(*objects, trailer=b""):
    """A PDF of these objects, numbered from 1; the first is its catalogue."""
    out = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer)
    return out + b"startxref\n%d\n%%%%EOF\n" % start


def one_page(contents=TEXT, *more, catalog=b"", page=b"", resources=b"", filters=b""):
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> %s >> %s >>" % (resources, page),
        stream(contents, filters),
        FONT,
        *more,
    )


SAYS = {"says": "zeppelin"}


@case("page-tree-of-itself.pdf")
def _():
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 4 >>"
    )


@case("page-tree-circle.pdf")
def _():
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 9 >>",
        b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Parent 2 0 R /Count 9 >>",
    )


@case("more-pages-claimed.pdf", reason="more than 10,000 pages|no pages|damaged")
def _():
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 1000000000 >>"
    )


@case("too-many-pages.pdf", reason="more than 10,000 pages")
def _():
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count 20000 >>" % (b"3 0 R " * 20_000),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    )


@case("deep-page-tree.pdf")
def _():
    nodes = [
        b"<< /Type /Pages /Kids [%d 0 R] /Count 1 /Parent %d 0 R >>" % (number + 1, number - 1)
        for number in range(2, 5_000)
    ]
    return pdf(b"<< /Type /Catalog /Pages 2 0 R >>", *nodes, b"<< /Type /Page >>")


@case("outline-circle.pdf", **SAYS)
def _():
    item = b"<< /Title (Again) /Parent 6 0 R /Next 7 0 R /First 7 0 R /Dest [3 0 R /Fit] >>"
    return one_page(
        TEXT,
        b"<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 1 >>",
        item,
        catalog=b"/Outlines 6 0 R",
    )


@case("deep-outline.pdf", **SAYS)
def _():
    items = [
        b"<< /Title (Down) /Parent %d 0 R /First %d 0 R >>" % (number - 1, number + 1)
        for number in range(7, 5_000)
    ]
    outlines = b"<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 1 >>"
    return one_page(TEXT, outlines, *items, catalog=b"/Outlines 6 0 R")


@case("xref-circle.pdf")
def _():
    plain = one_page()
    start = plain.rindex(b"xref\n0")
    return plain.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % start)


@case("xref-nowhere.pdf")
def _():
    return one_page().replace(b"startxref\n", b"startxref\n-9")


@case("contents-of-itself.pdf")
def _():
    return one_page().replace(b"/Contents 4 0 R", b"/Contents [4 0 R [3 0 R]]")


@case("form-draws-itself.pdf", is_slow=True)
def _():
    form = stream(
        b"/X Do " * 1000,
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>",
    )
    return one_page(TEXT + b" /X Do", form, resources=b"/XObject << /X 6 0 R >>")


@case("character-map-of-itself.pdf")
def _():
    font = FONT.replace(b">>", b"/ToUnicode 6 0 R >>")
    cmap = stream(
        b"1 begincodespacerange <00> <ff> endcodespacerange\n"
        + b"100 beginbfrange <00> <ff> <0000> endbfrange\n" * 50_000
    )
    return one_page(TEXT, cmap).replace(FONT, font)


@case("deep-arrays.pdf")
def _():
    return one_page(page=b"/X " + b"[" * 500_000 + b"]" * 500_000)


@case("deep-dictionaries.pdf")
def _():
    return one_page(page=b"/X " + b"<</A " * 200_000 + b">>" * 200_000)


@case("inflates.pdf", is_slow=True)
def _():
    bomb = zlib.compress(b"BT /F1 12 Tf (x) Tj ET " + b" " * 300_000_000, 1)
    return one_page(bomb, filters=b"/Filter /FlateDecode")


@case("inflates-often.pdf", is_slow=True)
def _():
    bomb = b" " * 50_000_000
    for _ in range(5):
        bomb = zlib.compress(bomb, 9)
    return one_page(bomb, filters=b"/Filter [%s]" % (b"/FlateDecode " * 5))


@case("longer-claimed.pdf")
def _():
    return one_page().replace(b"/Length %d" % len(TEXT), b"/Length 2147483647")


@case("object-stream-of-itself.pdf")
def _():
    objects = stream(b"6 0 << /Type /Catalog >>", b"/Type /ObjStm /N 1 /First 4 /Extends 6 0 R")
    return one_page(TEXT, objects)


@case("opens-and-launches.pdf", **SAYS)
def _():
    return one_page(
        catalog=b"/OpenAction << /S /URI /URI (%(s)s/pdf) /Next << /S /Launch /F (%(s)s/x) >> >>"
        b" /AA << /WC << /S /JavaScript /JS (app.launchURL('%(s)s/js')) >> >>" % {b"s": SERVER}
    )


@case("stream-elsewhere.pdf")
def _():
    elsewhere = (
        b"<< /Length 0 /F << /FS /URL /F (" + SERVER + b"/stream) >> >>\nstream\n\nendstream"
    )
    return one_page().replace(stream(TEXT), elsewhere)


@case("protected.pdf", reason="password")
def _():
    return (SAMPLES / "protected.pdf").read_bytes()


@case("bomb.pdf", reason="memory|more than|too long", is_slow=True)
def _():
    return (SAMPLES / "bomb.pdf").read_bytes()


@case("only-its-signature.pdf", reason="damaged")
def _():
    return b"%PDF-1.7\n"


def truncated(share):
    content = (SAMPLES / "handbook.pdf").read_bytes()
    return content[: len(content) * share // 100]


def flipped(seed):
    content = bytearray((SAMPLES / "handbook.pdf").read_bytes())
    chance = random.Random(seed)
    for _ in range(200):
        content[chance.randrange(1024, len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


variants("truncated-at-{}-percent.pdf", truncated, [5, 20, 40, 60, 80, 95, 99])
variants("flipped-{}.pdf", flipped, list(range(5)))
