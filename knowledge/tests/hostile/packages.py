"""Archives that unpack to far more than they weigh, lie about themselves, or name paths."""

import io
import struct
import zipfile
import zlib
from functools import cache

from knowledge.tests.hostile.cases import case, variants

DOCX = "word/document.xml"


def a_zip(members, compression=zipfile.ZIP_DEFLATED):
    """A ZIP archive of these members, (name, content) or by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression, compresslevel=1) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return out.getvalue()


def raw_zip(members, *, offsets=None):
    """A ZIP archive of (name, packed bytes, claimed size), which nothing checks."""
    out, directory, starts = bytearray(), bytearray(), []
    for name, packed, size in members:
        starts.append(len(out))
        out += struct.pack(
            "<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0
        )
        out += name + packed
    for (name, packed, size), start in zip(members, offsets or starts, strict=True):
        directory += struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            *(b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), size),
            *(len(name), 0, 0, 0, 0, 0, start),
        )
        directory += name
    count = min(len(members), 0xFFFF)
    return bytes(
        out
        + directory
        + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(directory), len(out), 0)
    )


def deflated(content):
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


@cache
def flat_bomb(size):
    return a_zip({"[Content_Types].xml": b"<Types/>", DOCX: b" " * size})


@case("flat-bomb.docx")
def _():
    return flat_bomb(300_000_000)


@case("flat-bomb.zip")
def _():
    return flat_bomb(300_000_000)


@case("nested-bomb.docx")
def _():
    inner = flat_bomb(10_000_000)
    for _ in range(3):
        inner = a_zip({f"{number}.zip": inner for number in range(10)}, zipfile.ZIP_STORED)
    return a_zip({DOCX: b"<x/>", "inner.zip": inner})


@case("overlapping-bomb.docx")
def _():
    packed = deflated(bytes(10_000_000))
    members = [(f"word/{number}.xml".encode(), packed, 10_000_000) for number in range(200)]
    one = raw_zip(members[:1])
    directory = raw_zip(members, offsets=[0] * 200)
    start = directory.index(b"PK\1\2")
    end = directory.rindex(b"PK\5\6")
    body = one[: one.index(b"PK\1\2")]
    return (
        body
        + directory[start:end]
        + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 200, 200, end - start, len(body), 0)
    )


@case("smaller-than-said.docx")
def _():
    return raw_zip([(b"word/document.xml", deflated(b" " * 100_000_000), 100)])


@case("larger-than-said.xlsx")
def _():
    return raw_zip([(b"xl/workbook.xml", deflated(b"<workbook/>"), 0xFFFFFFF0)])


@case("many-members.docx", is_slow=True)
def _():
    return raw_zip([(b"word/%d.xml" % number, deflated(b""), 0) for number in range(100_000)])


@case("names-with-paths.docx")
def _():
    names = ("../../../../tmp/x", "/etc/cron.d/x", "C:\\x", "word\\document.xml", "a\nb", "x/../y")
    return a_zip([(name, b"<x/>") for name in (*names, DOCX)])


@case("same-name-twice.docx")
def _():
    member = (b"word/document.xml", deflated(b"<a/>"), 4)
    return raw_zip([member] * 1000)


@case("not-deflated.docx")
def _():
    return raw_zip([(b"word/document.xml", b"\xff" * 1000, 1000)])


@case("directory-elsewhere.docx")
def _():
    return a_zip({DOCX: b"<x/>"})[:-6] + b"\xff\xff\xff\x7f\0\0"


@case("no-members.docx")
def _():
    return a_zip({})


@case("only-the-end.docx")
def _():
    return b"PK\x03\x04" + bytes(22)


@case("linked-to-etc.docx")
def _():
    link = zipfile.ZipInfo(DOCX)
    link.external_attr = 0o120777 << 16
    return a_zip([(link, b"/etc/passwd")])


@case("archive-called.txt")
def _():
    return a_zip({"a.txt": b"x"})


def signature(kind):
    return BEGINNINGS[kind] + bytes(1000)


BEGINNINGS = {
    "old-office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!\x1a\x07",
    "gzip": b"\x1f\x8b\x08",
}
variants("begins-as-{}.docx", signature, list(BEGINNINGS))
