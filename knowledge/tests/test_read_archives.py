import io
import struct
import time
import zipfile
from contextlib import suppress

import pytest

from knowledge.ingestion.archives import MAX_MEMBERS, open_archive
from knowledge.ingestion.reading import Limits, UnreadableDocument


@pytest.fixture
def write(tmp_path):
    def write(content: bytes):
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return write


def zipped(members, method=zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


SOUND = zipped([("a.xml", b"<a/>" * 1000), ("media/b.png", bytes(range(256)))])


def refusal(path, limits=None):
    with pytest.raises(UnreadableDocument) as refused, open_archive(path, limits) as archive:
        for name in archive.names:
            list(archive.pieces(name))
    return refused.value.reason


def test_a_sound_archive_opens_and_gives_its_members(write):
    with open_archive(write(SOUND)) as archive:
        assert archive.names == ("a.xml", "media/b.png")
        assert "a.xml" in archive
        assert "A.xml" not in archive
        assert archive.size("a.xml") == 4000
        assert archive.read("a.xml", at_most=4000) == b"<a/>" * 1000
        assert b"".join(archive.pieces("media/b.png")) == bytes(range(256))
        with archive.open("a.xml") as member:
            assert member.read(4) == b"<a/>"


def test_what_is_larger_than_asked_for_is_not_read(write):
    with open_archive(write(SOUND)) as archive, pytest.raises(UnreadableDocument, match="larger"):
        archive.read("a.xml", at_most=3999)


def test_a_flat_bomb_is_refused_before_it_is_unpacked(write):
    path = write(zipped([("a.xml", bytes(50_000_000))]))
    assert "more than 250 times its size" in refusal(path)
    assert "larger than 10 MB" in refusal(path, Limits(unpacked_bytes=10_000_000))


def test_many_small_members_are_summed(write):
    path = write(zipped([(f"{number}.xml", bytes(1_000_000)) for number in range(20)]))
    assert "larger than 10 MB" in refusal(path, Limits(unpacked_bytes=10_000_000))
    with open_archive(path):
        pass


def test_too_many_members_are_refused(write):
    members = [(str(number), b"") for number in range(MAX_MEMBERS + 1)]
    assert "more than 10,000 parts" in refusal(write(zipped(members)))
    with open_archive(write(zipped(members[1:]))):
        pass


def test_a_directory_that_hides_its_count_is_refused_by_its_size(write):
    archive = bytearray(zipped([("n" * 500 + str(number), b"") for number in range(9_999)]))
    at = archive.rfind(b"PK\x05\x06")
    archive[at + 8 : at + 12] = struct.pack("<2H", 1, 1)
    assert "more than 10,000 parts" in refusal(write(bytes(archive)))


def with_overlaps(count=1000) -> bytes:
    """One kernel that a thousand entries of the directory lead to."""
    archive = zipped([("a", b"x" * 100_000)])
    end = archive.rfind(b"PK\x05\x06")
    start = archive.find(b"PK\x01\x02")
    entry = archive[start:end]
    entries = b"".join(
        entry[:28] + struct.pack("<H", 4) + entry[30:46] + f"{number:04}".encode()
        for number in range(count)
    )
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entries), start, 0)
    return archive[:start] + entries + record


def test_overlapping_members_are_refused(write):
    assert "no program writes" in refusal(write(with_overlaps()))
    with open_archive(write(with_overlaps(1))):
        pass


@pytest.mark.parametrize(
    "name", ["../a.xml", "a/../../b", "/etc/passwd", "C:\\a", "\\\\host\\a", "a\\..\\b"]
)
def test_names_that_lead_elsewhere_are_refused(write, name):
    assert "no program writes" in refusal(write(zipped([("b", b""), (name, b"x")])))


def test_a_name_that_hides_its_end_is_refused(write):
    archive = zipped([("a.xml\N{LATIN SMALL LETTER A}b", b"x")]).replace(b"xmlab", b"xml\0b")
    assert "no program writes" in refusal(write(archive))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a.xml", "a.xml"), ("a.xml", "A.XML")])
def test_duplicate_names_are_refused(write, names):
    assert "no program writes" in refusal(write(zipped([(name, b"x") for name in names])))


def test_an_encrypted_member_asks_for_the_password_to_be_removed(write):
    archive = bytearray(SOUND)
    archive[6] |= 1
    archive[archive.find(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal(write(bytes(archive)))


def test_compression_that_office_documents_do_not_use_is_refused(write):
    assert "no program writes" in refusal(write(zipped([("a", b"x" * 99)], zipfile.ZIP_LZMA)))


def test_an_archive_within_an_archive_stays_closed(write):
    bomb = zipped([("a", bytes(100_000_000))])
    with open_archive(write(zipped([("xl/embeddings/b.zip", bomb)]))) as archive:
        assert archive.read("xl/embeddings/b.zip", at_most=10**6) == bomb


def understated(size=1000, crc=None) -> bytes:
    """A member of 1 MB that says it has 1,000 bytes, with a checksum to match."""
    archive = bytearray(zipped([("a.xml", bytes(1_000_000))]))
    for start, crc_at in ((0, 14), (archive.find(b"PK\x01\x02"), 16)):
        struct.pack_into("<L", archive, start + crc_at + 8, size)
        if crc is not None:
            struct.pack_into("<L", archive, start + crc_at, crc)
    return bytes(archive)


@pytest.mark.parametrize("crc", [None, zipfile.crc32(bytes(1000)), zipfile.crc32(bytes(1001))])
def test_a_member_larger_than_it_says_is_found_out(write, crc):
    path = write(understated(crc=crc))
    refusal(path)
    read = b""
    with suppress(UnreadableDocument), open_archive(path) as archive:
        read = archive.read("a.xml", at_most=10_000)
    assert len(read) in (0, 1000)


def test_a_member_smaller_than_it_says_is_found_out(write):
    assert "damaged" in refusal(write(understated(size=2_000_000)))


def test_archives_cut_anywhere_are_damaged(write):
    for length in range(0, len(SOUND), 7):
        assert "damaged" in refusal(write(SOUND[:length]))


def test_archives_with_any_byte_wrong_are_read_or_refused(write):
    for at in range(len(SOUND)):
        broken = bytearray(SOUND)
        broken[at] ^= 0xFF
        try:
            with open_archive(write(bytes(broken))) as archive:
                for name in archive.names:
                    list(archive.pieces(name))
        except UnreadableDocument as refused:
            assert refused.reason.endswith(".")


def test_an_archive_of_a_program_that_always_writes_large_records_is_read(write):
    end = SOUND.rfind(b"PK\x05\x06")
    _, _, _, _, entries, size, offset, _ = struct.unpack("<4s4H2LH", SOUND[end:])
    large = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, offset
    ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    with open_archive(write(SOUND[:end] + large + SOUND[end:])) as archive:
        assert len(archive.names) == 2


def test_the_guard_costs_little(write):
    path = write(zipped([(f"xl/worksheets/sheet{number}.xml", b"<a/>") for number in range(50)]))
    times = []
    for _ in range(20):
        start = time.perf_counter()
        with open_archive(path):
            pass
        times.append(time.perf_counter() - start)
    assert min(times) < 0.01  # 0.0008 here; a machine that is busy takes longer
