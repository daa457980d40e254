from email.message import EmailMessage
from email.policy import SMTP

import pytest

from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import LeftOut, Limits, UnreadableDocument

PIXEL = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def read(tmp_path):
    def read(mail, read=read_document, **options):
        path = tmp_path / "upload"
        path.write_bytes(mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP))
        return read(path, filename="mail.eml", **options)

    return read


def new_mail(text="Ask early.\n", subject="Leave", **headers):
    mail = EmailMessage()
    mail["From"] = "Ann <ann@acme.example>"
    mail["To"] = "Bob <bob@acme.example>"
    mail["Subject"] = subject
    for name, value in headers.items():
        mail[name] = value
    if text is not None:
        mail.set_content(text)
    return mail


def raw(*lines, body=b"Hello"):
    head = (b"From: a@acme.example", b"To: b@acme.example", b"Subject: Raw", *lines)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def names(reading):
    return [attachment.filename for attachment in reading.attachments]


def test_a_mail_is_its_subject_its_headers_and_its_text(read):
    reading = read(new_mail(Cc="Cem <cem@acme.example>", Date="Mon, 02 Mar 2026 10:00:00 +0100"))
    assert reading.file_type == "eml"
    assert reading.content == (
        "Leave\n\nFrom: Ann <ann@acme.example>\nTo: Bob <bob@acme.example>\n"
        "Cc: Cem <cem@acme.example>\nDate: Mon, 02 Mar 2026 10:00:00 +0100\n\nAsk early."
    )
    (heading,) = reading.headings
    assert (heading.level, heading.title, heading.start, heading.end) == (1, "Leave", 0, 5)
    assert not reading.attachments
    assert not reading.left_out


def test_of_two_versions_of_a_text_the_plain_one_is_read(read):
    mail = new_mail()
    mail.add_alternative("<p>Ask <b>late</b>", subtype="html")
    assert read(mail).content.endswith("\n\nAsk early.")


def test_html_is_read_where_the_plain_version_says_nothing(read):
    mail = new_mail(" \n")
    mail.add_alternative("<title>x</title><h1>When</h1><p>Ask <b>late</b>.", subtype="html")
    reading = read(mail)
    assert reading.content.endswith("\n\nWhen\n\nAsk late.")
    assert [(heading.level, heading.title) for heading in reading.headings] == [
        (1, "Leave"),
        (2, "When"),
    ]


def test_texts_beside_each_other_are_all_read(read):
    mail = new_mail("First")
    mail.make_mixed()
    part = EmailMessage()
    part.set_content("<p>Second", subtype="html")
    mail.attach(part)
    assert read(mail).content.endswith("First\n\nSecond")


def test_what_is_attached_comes_with_its_name_and_its_bytes(read):
    mail = new_mail()
    mail.add_attachment(
        b"a,b\n1,2\n", maintype="text", subtype="csv", filename="Zahlen für Ann.csv"
    )
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf")
    mail.add_attachment(PIXEL, maintype="image", subtype="png", filename="scan.png")
    for way in (read_document, read_in_child):
        reading = read(mail, read=way)
        assert names(reading) == ["Zahlen für Ann.csv", "attachment 2.pdf", "scan.png"]
        contents = [bytes(attachment.content) for attachment in reading.attachments]
        assert contents == [b"a,b\n1,2\n", b"%PDF-1.7", PIXEL]


def test_pictures_within_a_text_are_no_attachments(read):
    mail = new_mail("<p>Look: <img src='cid:x'>")
    mail.set_content("<p>Look: <img src='cid:x' alt='us'>", subtype="html")
    mail.add_related(PIXEL, maintype="image", subtype="png", cid="<x>")
    reading = read(mail)
    assert reading.content.endswith("Look: us")
    assert not reading.attachments
    assert not reading.left_out


def test_a_mail_within_a_mail_is_attached(read, tmp_path):
    mail = new_mail()
    mail.add_attachment(new_mail("Inside", subject="Fwd/it"))
    reading = read(mail)
    assert "Inside" not in reading.content
    assert names(reading) == ["Fwd it.eml"]
    inner = tmp_path / "inner"
    inner.write_bytes(reading.attachments[0].content)
    assert detect_type(inner, filename="x") == "eml"
    assert read_document(inner, filename="x").content.endswith("\n\nInside")


def test_reports_of_mail_programs_say_nothing(read):
    report = raw(
        b'Content-Type: multipart/report; boundary="x"',
        body=b"--x\r\n\r\nNot delivered\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Status: 5.0.0\r\n\r\n--x--",
    )
    reading = read(report)
    assert reading.content.endswith("Not delivered")
    assert not reading.attachments


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (b"=?utf-8?B?w5xiZXI=?= =?utf-8?Q?_uns?=", "Über uns"),
        (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
        (b"=?nonsense?Q?=C3=9Cber?=", "Über"),
        (b"=?utf-8?B?w5xiZXI", "=?utf-8?B?w5xiZXI"),
        ("Über uns".encode(), "Über uns"),
        (b"On two\r\n lines", "On two lines"),
    ],
)
def test_headers_are_decoded(read, subject, expected):
    mail = b"From: a\r\nTo: b\r\nSubject: " + subject + b"\r\n\r\nHello"
    assert read(mail).headings[0].title == expected


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        (b"text/plain; charset=windows-1251", "cp1251"),
        (b"text/plain; charset=nonsense", "utf-8"),
        (b"text/plain; charset=us-ascii", "utf-8"),
        (b"text/plain", "utf-8"),
        (b"text/html; charset=windows-1251", "cp1251"),
        (b"text/html", "utf-8"),
    ],
)
def test_a_text_is_decoded_as_the_mail_says_or_as_it_looks(read, kind, encoding):
    text = "Каждый сотрудник"
    mail = raw(b"Content-Type: " + kind, body=text.encode(encoding))
    assert read(mail).content.endswith(f"\n\n{text}")


def test_lines_that_flow_are_one(read):
    mail = raw(b"Content-Type: text/plain; format=flowed", body=b"One \r\nline.\r\nAnother.")
    assert read(mail).content.endswith("One line.\nAnother.")


@pytest.mark.parametrize(
    ("lines", "body", "expected"),
    [
        ([b"Content-Type: multipart/mixed"], b"No boundary", "No boundary"),
        ([b"Content-Type: multipart/mixed; boundary=x"], b"Not there", "Not there"),
        ([b"Content-Type: multipart/mixed; boundary=x"], b"--x\r\n\r\nOpen end", "Open end"),
        ([b"Content-Transfer-Encoding: base64"], b"SGVsbG8", "Hello"),
        ([b"Content-Transfer-Encoding: nonsense"], b"Hello", "Hello"),
        ([b"Content-Type: nonsense"], b"Hello", "Hello"),
        ([b"Content-Type: text/plain; charset*=x'y'z%"], b"Hello", "Hello"),
    ],
)
def test_malformed_mails_give_what_they_have(read, lines, body, expected):
    assert expected in read(raw(*lines, body=body)).content


def test_many_recipients_are_cut(read):
    mail = new_mail()
    mail.replace_header("To", ", ".join(f"person{n}@acme.example" for n in range(100)))
    (line,) = [line for line in read(mail).content.splitlines() if line.startswith("To: ")]
    assert line.endswith("@acme.example, …")
    assert len(line) < 1_100


def test_no_more_is_taken_than_the_limits_say(read):
    mail = new_mail()
    for size in (60, 50, 40, 10):
        mail.add_attachment(b"x" * size, maintype="text", subtype="plain", filename=f"{size}.txt")
    reading = read(mail, limits=Limits(attachments=2, attachment_bytes=100))
    assert names(reading) == ["60.txt", "40.txt"]
    assert reading.left_out == (
        LeftOut("50.txt", "together they are too large"),
        LeftOut("10.txt", "only 2 are taken"),
    )


def test_parts_may_not_lie_too_deep(read):
    parts = b"".join(
        b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n" % (n, n + 1)
        for n in range(2000)
    )
    with pytest.raises(UnreadableDocument, match="deep"):
        read(raw(b"Content-Type: multipart/mixed; boundary=0", body=parts))


@pytest.mark.parametrize(
    ("content", "filename", "file_type"),
    [
        (b"From: a\nTo: b\nSubject: c\n\nHello", "mail", "eml"),
        (
            b"From a@acme.example Mon Mar 2\nReceived: x\nDate: y\nX-a: b\n\tc\nTo: b\n\nHi",
            "x",
            "eml",
        ),
        (b"\r\nSubject: c\r\n\r\nHello", "mail.EML", "eml"),
        (b"From: Ann\nTo: Bob\n\nA note", "notes.txt", "txt"),
        (b"From: a\nTo: b\nDear all,\nSubject: c", "notes.txt", "txt"),
        (b"A text", "mail.eml", "txt"),
        (b"", "mail.eml", None),
    ],
)
def test_a_mail_is_told_by_its_headers(tmp_path, content, filename, file_type):
    path = tmp_path / "upload"
    path.write_bytes(content)
    if file_type is None:
        with pytest.raises(UnreadableDocument, match="empty"):
            detect_type(path, filename=filename)
    else:
        assert detect_type(path, filename=filename) == file_type
