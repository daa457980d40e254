"""ZIP archives: what is in them, where it is said to lie, and which are refused."""

import io
import struct
import zipfile

import pytest

from knowledge.archives import Bounds, clean_path, opened_archive
from knowledge.services import RefusedUpload
from knowledge.tests.zips import packed


def paths(data, **bounds):
    with opened_archive(io.BytesIO(data), bounds=Bounds(**bounds)) as members:
        return [member.path for member in members]


def refusal(data, **bounds):
    with pytest.raises(RefusedUpload) as refused:
        paths(data, **bounds)
    return refused.value.reason


def opened(data):
    """Each file's bytes by path, or why it is refused."""
    found = {}
    with opened_archive(io.BytesIO(data), bounds=Bounds()) as members:
        for member in members:
            try:
                with member.open() as file:
                    found[member.path] = file.read()
            except RefusedUpload as refused:
                found[member.path] = refused.reason
    return found


def test_files_come_in_the_order_of_their_paths_without_folders():
    data = packed({"b.txt": b"2", "a/": b"", "a/z.txt": b"1", "c/d/e.txt": b"3"})
    assert opened(data) == {"a/z.txt": b"1", "b.txt": b"2", "c/d/e.txt": b"3"}


def test_what_systems_leave_in_folders_is_left_out():
    left = ["__MACOSX/a.txt", ".DS_Store", "a/.git/config", "Thumbs.db", "a/desktop.ini"]
    assert paths(packed(dict.fromkeys([*left, "a.txt"], b"x"))) == ["a.txt"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../up.txt", "up.txt"),
        ("a/../../b.txt", "a/b.txt"),
        ("C:\\Users\\me\\x.txt", "Users/me/x.txt"),
        ("a//b\u202e.txt", "a/b.txt"),
        ("line\nbreak.txt", "line break.txt"),
        ("", "document"),
        ("..", "document"),
        ("x" * 3000, "x" * 1000),
    ],
)
def test_a_path_says_where_a_file_was_and_leads_nowhere(name, path):
    assert clean_path(name) == path


def test_names_in_utf8_are_read_whether_or_not_they_are_said_to_be():
    data = packed({"Ürläub.txt": b"x"})
    flagged = struct.pack("<H", 0x800)
    assert paths(data) == ["Ürläub.txt"]
    assert paths(data.replace(flagged + b"\0\0", b"\0\0\0\0")) == ["Ürläub.txt"]


def test_what_is_no_archive_is_refused():
    assert "no ZIP archive" in refusal(b"")
    assert "no ZIP archive" in refusal(b"PK\x03\x04" + bytes(100))
    assert "no ZIP archive" in refusal(packed({"a.txt": b"x"})[:-30])


def test_an_office_document_is_no_archive_of_documents():
    assert "is a document" in refusal(packed({"[Content_Types].xml": b"<Types/>", "word/d": b""}))
    assert "is a document" in refusal(packed({"mimetype": b"application/vnd.oasis", "c": b""}))


def test_too_many_files_are_refused_before_they_are_listed():
    data = packed({f"{number}.txt": b"" for number in range(12)})
    assert len(paths(data, members=12)) == 12
    assert "at most 11" in refusal(data, members=11)
    long_names = packed({"x" * 5000 + f"/{number}.txt": b"" for number in range(4)})
    assert "at most 10" in refusal(long_names, members=10)


def test_bombs_are_refused_by_what_they_declare():
    flat = packed({"zeros.txt": bytes(20_000_000)})
    assert "more than 200 times" in refusal(flat)
    assert "unpacks to 20 MB" in refusal(flat, size=19_999_999)
    assert paths(flat, ratio=2_000) == ["zeros.txt"]


def test_files_that_overlap_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", bytes(1000))
        twin = archive.infolist()[0]
        other = zipfile.ZipInfo("b.txt")
        for name in ("header_offset", "compress_size", "file_size", "CRC"):
            setattr(other, name, getattr(twin, name))
        archive.filelist.append(other)
        archive.NameToInfo["b.txt"] = other
    assert "overlap" in refusal(buffer.getvalue())


def test_a_file_that_declares_too_little_gives_no_more_than_that():
    data = bytearray(packed({"a.txt": b"y" * 5000}, method=zipfile.ZIP_DEFLATED))
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(signature) + at
        data[place : place + 4] = struct.pack("<I", 10)
    assert opened(bytes(data)) == {"a.txt": "The file is damaged in the archive."}


def test_a_file_that_cannot_be_unpacked_keeps_no_other(settings):
    settings.MAX_UPLOAD_BYTES = 100
    files = {"bad.txt": b"broken", "big.txt": bytes(101), "good.txt": b"fine"}
    data = bytearray(packed(files, method=zipfile.ZIP_STORED))
    data[data.index(b"broken")] = 0
    found = opened(bytes(data))
    assert found["bad.txt"] == "The file is damaged in the archive."
    assert "too large" in found["big.txt"]
    assert found["good.txt"] == b"fine"


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_unusual_packing_is_refused(method):
    assert "unusual method" in opened(packed({"a.txt": b"x" * 100}, method=method))["a.txt"]


def test_encrypted_files_are_refused():
    data = bytearray(packed({"a.txt": b"x"}))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    assert "encrypted" in opened(bytes(data))["a.txt"]
