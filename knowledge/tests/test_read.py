import random
import unicodedata
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import Heading, Limits, PageSpan, Reading, UnreadableDocument

SAMPLES = Path(__file__).parent / "samples"
FRENCH = (
    "Les salariés ont droit à vingt-cinq jours de congés payés. Le délai est fixé à l'avance.\n"
)
GERMAN = "Jeder Beschäftigte hat Anspruch auf fünfundzwanzig Urlaubstage; Größe ist kein Grund.\n"
POLISH = "Każdy pracownik ma prawo do dwudziestu pięciu dni urlopu. Później są wypłacane.\n"
RUSSIAN = "Каждый сотрудник имеет право на двадцать пять дней отпуска в год.\n"
JAPANESE = "従業員は年間二十五日の有給休暇を取得できます。申請は十四日前までに行ってください。\n"


@pytest.fixture
def write(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return write


def refusal(path, filename="upload", function=read_document, **kwargs):
    with pytest.raises(UnreadableDocument) as refused:
        function(path, filename=filename, **kwargs)
    assert str(refused.value) == refused.value.reason
    return refused.value.reason


@pytest.mark.parametrize(
    ("content", "filename", "file_type"),
    [
        (b"%PDF-1.7\n...", "report.pdf", "pdf"),
        (b"%PDF-1.7\n...", "report.txt", "pdf"),
        (b"\n\nrubbish\n%PDF-1.4\n", "report", "pdf"),
        (b"A text about the signature %PDF-1.4", "report.pdf", "txt"),
        (b"# Title", "readme.md", "md"),
        (b"# Title", "README.Markdown", "md"),
        (b"# Title", "readme.txt", "txt"),
        (b"a,b\n1,2\n", "table.csv", "csv"),
        ("naïve".encode("utf-16"), "notes", "txt"),
        (GERMAN.encode("cp1252"), "notes", "txt"),
        (JAPANESE.encode("shift_jis"), "notes", "txt"),
        (b"\x1b[31mred\x1b[0m", "log", "txt"),
    ],
)
def test_the_type_is_told_by_the_content(write, content, filename, file_type):
    assert detect_type(write(content), filename=filename) == file_type


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(100), "damaged"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "an image"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "before 2007"),
        (b"{\\rtf1 Hello}", "Rich Text"),
        (b"\x7fELF\x02\x01", "a program"),
        (bytes(range(256)) * 8, "not supported. What can be read: Word (DOCX), PowerPoint"),
        (bytes(1000), "not supported"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_beginning(write, content, reason):
    path = write(content)
    assert reason in refusal(path, "report.pdf", detect_type)
    assert reason in refusal(path, "report.pdf")


def test_only_the_beginning_of_a_file_is_looked_at(write):
    assert detect_type(write("é".encode() * 100_000), filename="x") == "txt"  # cut within an é
    assert detect_type(write(b"a" * 65_536 + bytes(65_536)), filename="x") == "txt"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße 漢字 \N{GRINNING FACE}", "utf-8"),
        ("Grüße 漢字 \N{GRINNING FACE}", "utf-8-sig"),
        ("Grüße 漢字 \N{GRINNING FACE}", "utf-16"),
        ("Grüße 漢字 \N{GRINNING FACE}", "utf-32"),
        (FRENCH, "cp1252"),
        (GERMAN, "cp1252"),
        (POLISH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
    ],
)
def test_text_of_any_encoding_is_read(write, text, encoding):
    assert read_document(write(text.encode(encoding)), filename="x").content == text.strip()


def test_a_text_cut_within_a_character_keeps_the_rest(write):
    content = read_document(write(JAPANESE.strip().encode()[:-1]), filename="x").content
    assert content == JAPANESE.strip()[:-1] + "\N{REPLACEMENT CHARACTER}"


def test_an_encoding_that_cannot_be_told_is_refused(write):
    noise = bytes(byte | 0x80 for byte in random.Random(1).randbytes(2000))
    assert "UTF-8" in refusal(write(noise))


@pytest.mark.parametrize("content", [b" \n\t\r\n", b"\xef\xbb\xbf", "\u00a0\u2028\u00ad".encode()])
def test_a_file_without_text_is_refused(write, content):
    assert "no text" in refusal(write(content))


@pytest.mark.parametrize("size", [101, 500])
def test_a_text_too_long_is_refused(write, size):
    path = write(b"a" * size)
    assert "more than 100 characters" in refusal(path, limits=Limits(characters=100))
    assert read_document(path, filename="x", limits=Limits(characters=size)).content == "a" * size


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("filename", ["x.txt", "x.md", "x.csv"])
def test_a_text_too_long_is_refused_when_it_is_uploaded(write, monkeypatch, filename, encoding):
    monkeypatch.setattr("knowledge.ingestion.read.Limits", partial(Limits, characters=101))
    fits, too_long = (("\u00fc\U0001d11e;" * 40)[:size] for size in (101, 102))
    assert detect_type(write(fits.encode(encoding)), filename=filename)
    with pytest.raises(UnreadableDocument, match="more than 101 characters"):
        detect_type(write(too_long.encode(encoding)), filename=filename)


def test_a_text_of_an_unknown_encoding_is_refused_by_its_size_alone(write, monkeypatch):
    monkeypatch.setattr("knowledge.ingestion.read.Limits", partial(Limits, characters=100))
    assert detect_type(write(b"\xfc" * 400), filename="x.txt") == "txt"
    with pytest.raises(UnreadableDocument, match="more than 100 characters"):
        detect_type(write(b"\xfc" * 401), filename="x.txt")


def test_what_is_invisible_goes_and_what_is_odd_becomes_plain():
    odd = (
        "\n\r\n  o\ufb03ce\x00 \u00adhours:\u00a0nine\t \r\n\r\n\r\n\u202eto e\u0301leven\ud800\f\n"
    )
    assert clean_text(odd) == "  office hours: nine\n\nto \u00e9leven"
    assert clean_text("tags \U000e0041\U000e0042 hide") == "tags  hide"


def test_marks_piled_on_a_letter_end_somewhere():
    assert (
        clean_text("z" + "\u0323\u0301" * 100_000 + "y")
        == "\u1e93" + "\u0323" * 14 + "\u0301" * 15 + "y"
    )
    assert clean_text("\u2014" * 100) == "\u2014" * 100


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_cleaned_text_is_clean(text):
    cleaned = clean_text(text)
    cleaned.encode()
    assert clean_text(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(
        unicodedata.category(character) == "Cc" and character not in "\t\n" for character in cleaned
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"pages": (PageSpan(1, 0, 4),)},
        {"pages": (PageSpan(1, 0, 2), PageSpan(2, 1, 3))},
        {"pages": (PageSpan(1, -1, 2),)},
        {"headings": (Heading(1, "x", 2, 1),)},
    ],
)
def test_spans_outside_the_content_are_refused(fields):
    with pytest.raises(ValueError, match="spans"):
        Reading("abc", "txt", **fields)
