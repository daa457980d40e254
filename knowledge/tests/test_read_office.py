"""Documents that LibreOffice saved, read by the child process as they would be in production."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from knowledge.embedding import embedder
from knowledge.ingestion import ole
from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import UnreadableDocument
from knowledge.ingestion.split import split

SAMPLES = Path(__file__).parent / "samples"
READ = ["windmill.docx", "lighthouse.pptx", "orchard.xlsx", "orchard.xls", "orchard.ods"]


@pytest.fixture
def write(tmp_path):
    def write(content: bytes):
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return write


def refusal(path, function=read_document, filename="report.pdf"):
    with pytest.raises(UnreadableDocument) as refused:
        function(path, filename=filename)
    return refused.value.reason


@pytest.mark.parametrize(
    ("name", "fact", "page", "heading"),
    [
        ("windmill.docx", "sails are furled", None, "Windmill manual > Operation > Storms"),
        (
            "windmill.docx",
            "Region: Ridge | Turbines: 9 | Output: 205 MWh",
            None,
            "Windmill manual > Yield",
        ),
        ("windmill.docx", "[1] Measured at the cap", None, "Windmill manual > Operation > Storms"),
        ("lighthouse.pptx", "rapeseed oil", 2, "Lamps"),
        ("lighthouse.pptx", "Notes: The keeper of Skagen asked", 2, "Lamps"),
        ("lighthouse.pptx", "Anholt | 14 miles", 3, "Range"),
        ("orchard.xlsx", "Variety: Gravenstein | Trees: 75 | Planted: 2004-11-02", 1, "Orchards"),
        ("orchard.xlsx", "Name: Jens | Orchard: Brook | Hours: 18", 2, "Pickers"),
        ("orchard.xls", "Variety: Cox Orange | Trees: 210 | Planted: 2011-04-21", 1, "Orchards"),
        ("orchard.xls", "Name: Jens | Orchard: Brook | Hours: 18", 2, "Pickers"),
        ("orchard.ods", "Variety: Boskoop | Trees: 120 | Planted: 1998-03-14", 1, "Orchards"),
        ("orchard.ods", "Name: Edda | Orchard: Hill | Hours: 31", 2, "Pickers"),
        ("orchard.csv", "Orchard: Mill | Variety: Cox Orange | Trees: 210", None, ""),
    ],
)
def test_a_fact_stands_in_a_passage_with_its_page_and_heading(name, fact, page, heading):
    reading = read_in_child(SAMPLES / name, filename=name)
    assert reading.file_type == name.partition(".")[2]
    passages = split(reading, tokenizer=embedder().tokenizer)
    [found] = [passage for passage in passages if fact in passage.content]
    assert (found.page, found.heading) == (page, heading)
    assert reading.content[found.start : found.end] == found.content


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("filename", ["report.pdf", "table.csv", "x"])
def test_the_name_decides_nothing(name, filename):
    file_type = name.partition(".")[2]
    assert detect_type(SAMPLES / name, filename=filename) == file_type
    assert read_document(SAMPLES / name, filename=filename).file_type == file_type


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("windmill.doc", "Word document in the format used before 2007. Save it as DOCX"),
        ("windmill.odt", "OpenDocument text. Save it as DOCX"),
    ],
)
def test_documents_of_a_format_that_is_not_read_say_the_way_out(name, reason):
    assert reason in refusal(SAMPLES / name, detect_type)
    assert reason in refusal(SAMPLES / name, read_in_child)


def zipped(**members):
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return saved.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped(a_txt=b"a"), "a ZIP archive. Unpack it"),
        (zipped(mimetype=b"application/epub+zip"), "e-book"),
        (zipped(mimetype=b"application/vnd.oasis.opendocument.presentation"), "Save it as PPTX"),
        (zipped(mimetype=b"x" * 99), "a ZIP archive"),
        (zipped(), "a ZIP archive"),
    ],
)
def test_archives_that_are_no_documents_are_named(write, content, reason):
    assert reason in refusal(write(content), detect_type)


def test_a_binary_workbook_is_asked_for_as_xlsx(write):
    declared = b'<Override ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("[Content_Types].xml", b"<Types>" + declared + b"</Types>")
    assert "Save it as XLSX" in refusal(write(saved.getvalue()), detect_type)


def compound(*names, following=0xFFFFFFFE):
    """The directory of an OLE file, of one sector, and its allocation table."""
    header = bytearray(512)
    header[:8] = ole.SIGNATURE
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<L", header, 48, 1)
    struct.pack_into("<109L", header, 76, 0, *[0xFFFFFFFF] * 108)
    table = struct.pack("<128L", 0xFFFFFFFD, following, *[0xFFFFFFFF] * 126)
    directory = bytearray(512)
    for at, name in enumerate(names):
        encoded = name.encode("utf-16-le") + b"\0\0"
        directory[128 * at : 128 * at + len(encoded)] = encoded
        struct.pack_into("<H", directory, 128 * at + 64, len(encoded))
    return bytes(header) + table + bytes(directory)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (compound("Root Entry", "EncryptedPackage"), "protected by a password"),
        (compound("Root Entry", "PowerPoint Document"), "Save it as PPTX"),
        (compound("Root Entry", "__properties_version1.0"), "Outlook message"),
        (compound("Root Entry", "Contents"), "before 2007, or damaged"),
        (compound("Root Entry", following=1), "before 2007, or damaged"),  # it leads to itself
        (compound("Root Entry", following=99), "before 2007, or damaged"),
        (compound("Root Entry")[:600], "before 2007, or damaged"),
        (ole.SIGNATURE, "before 2007, or damaged"),
    ],
)
def test_old_and_encrypted_documents_are_named(write, content, reason):
    assert reason in refusal(write(content))


# calamine may ask for so much memory that the process ends, which here is the test's own.
TRIES = [
    (name, *((read_in_child, 8) if name.startswith("orchard") else (read_document, 60)))
    for name in READ
]


@pytest.mark.parametrize(("name", "read", "times"), TRIES)
def test_a_document_cut_anywhere_is_read_or_refused_with_a_reason(write, name, read, times):
    content = (SAMPLES / name).read_bytes()
    whole = read_document(SAMPLES / name, filename=name).content
    for length in range(0, len(content), len(content) // times):
        try:
            reading = read(write(content[:length]), filename=name)
        except UnreadableDocument as refused:
            assert refused.reason.endswith(".")
        else:
            assert name.endswith(".xls")
            assert set(reading.content) <= set(whole)


@pytest.mark.parametrize(("name", "read", "times"), TRIES)
def test_a_document_with_wrong_bytes_is_read_or_refused_with_a_reason(write, name, read, times):
    content = (SAMPLES / name).read_bytes()
    for at in range(0, len(content), len(content) // times):
        broken = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        try:
            read(write(broken), filename=name)
        except UnreadableDocument as refused:
            assert refused.reason.endswith(".")
