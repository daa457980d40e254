"""Mails of endless parts, headers and names, and with attachments that are hostile themselves."""

import base64

from knowledge.tests.hostile.cases import SERVER, case
from knowledge.tests.hostile.packages import flat_bomb

HEAD = b"From: a@acme.example\r\nTo: b@acme.example\r\nSubject: zeppelin\r\nMIME-Version: 1.0\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
BODY = b"\r\nThe zeppelin leaves at seven.\r\n"


def attached(name, content=b"x", kind=b"application/octet-stream"):
    return (
        b"--x\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=%s\r\n\r\n%s\r\n"
        % (kind, name, base64.encodebytes(content))
    )


@case("many-parts.eml", says="zeppelin", is_slow=True)
def _():
    return HEAD + MIXED + b"--x\r\n\r\nThe zeppelin\r\n" * 100_000


@case("many-attachments.eml", says="zeppelin", is_slow=True)
def _():
    return HEAD + MIXED + b"".join(attached(b"%d.txt" % number) for number in range(5_000))


@case("deep-parts.eml", reason="deep")
def _():
    parts = (
        b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n" % (n, n + 1)
        for n in range(5_000)
    )
    return HEAD + b"Content-Type: multipart/mixed; boundary=0\r\n\r\n" + b"".join(parts)


@case("same-boundary-within.eml", says="zeppelin", is_slow=True)
def _():
    return HEAD + MIXED + (b"--x\r\n" + MIXED) * 5_000


@case("mails-within-mails.eml")
def _():
    return (HEAD + b"Content-Type: message/rfc822\r\n\r\n") * 2_000 + HEAD + BODY


@case("a-few-mails-within.eml", says="zeppelin")
def _():
    return (HEAD + b"Content-Type: message/rfc822\r\n\r\n") * 20 + HEAD + BODY


@case("long-header.eml", says="zeppelin", is_slow=True)
def _():
    return HEAD + b"Cc: " + b"someone@acme.example, " * 500_000 + b"\r\n" + BODY


@case("folded-header.eml", says="zeppelin")
def _():
    return HEAD + b"Cc: a" + b"\r\n someone@acme.example," * 200_000 + b"\r\n" + BODY


@case("many-headers.eml", says="zeppelin", is_slow=True)
def _():
    return HEAD + b"X: y\r\n" * 500_000 + BODY


@case("encoded-words.eml", says="zeppelin")
def _():
    return HEAD.replace(b"zeppelin", b"zeppelin " + b"=?utf-8?B?eA==?= " * 100_000) + BODY


@case("encoded-words-that-never-end.eml", says="zeppelin")
def _():
    return HEAD.replace(b"zeppelin", b"zeppelin " + b"=?utf-8?Q?" * 100_000) + BODY


@case("parameters.eml", says="zeppelin")
def _():
    parameters = b"".join(b';\r\n\ta%d="\\"' % number for number in range(50_000))
    return HEAD + b"Content-Type: text/plain" + parameters + b"\r\n" + BODY


@case("name-in-pieces.eml", says="zeppelin")
def _():
    pieces = b"".join(b";\r\n filename*%d*=%%41" % number for number in range(20_000))
    part = b"--x\r\nContent-Disposition: attachment" + pieces + b"\r\n\r\nx\r\n"
    return HEAD + MIXED + b"--x\r\n\r\nzeppelin\r\n" + part


@case("names-with-paths.eml", says="zeppelin")
def _():
    names = (b"../../../etc/passwd", b"/etc/passwd", b'"C:\\\\x.txt"', b'"a\0b"', b"..", b'""')
    return HEAD + MIXED + b"".join(attached(name) for name in names)


@case("long-name.eml", says="zeppelin")
def _():
    return HEAD + MIXED + attached(b"x" * 100_000 + b".txt")


@case("bomb-attached.eml", says="zeppelin")
def _():
    return HEAD + MIXED + attached(b"bomb.docx", flat_bomb(10_000_000))


@case("not-base64.eml", says="zeppelin")
def _():
    return HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!" * 1_000_000


@case("not-uuencoded.eml", says="zeppelin")
def _():
    return HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n" + b"~" * 1_000_000


@case("quoted-printable.eml", says="zeppelin")
def _():
    return HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=3D=\r\n" * 500_000


@case("charset-that-is-none.eml", says="zeppelin")
def _():
    return HEAD + b"Content-Type: text/plain; charset=" + b"x" * 100_000 + b"\r\n" + BODY


@case("codec-that-is-no-charset.eml", says="zeppelin leaves")
def _():
    return HEAD + b"Content-Type: text/plain; charset=zlib_codec\r\n" + BODY


@case("odd-boundary.eml", says="zeppelin")
def _():
    return HEAD + b'Content-Type: multipart/mixed; boundary="(a+)+$*"\r\n\r\n--(a+)+$*\r\n' + BODY


@case("text-elsewhere.eml", says="zeppelin")
def _():
    part = b'--x\r\nContent-Type: message/external-body; access-type=URL; URL="' + SERVER
    page = b"--x\r\nContent-Type: text/html\r\n\r\n<img src='" + SERVER + b"/pixel'>zeppelin\r\n"
    return HEAD + MIXED + part + b'/body"\r\n\r\nContent-Type: text/plain\r\n\r\n' + page


@case("long-line.eml", says="zeppelin", is_slow=True)
def _():
    return HEAD + b"\r\n" + b"zeppelin " * 1_000_000


@case("zeros.eml", says="zeppelin")
def _():
    return HEAD + b"\r\nzeppelin" + bytes(100_000)


@case("only-headers.eml", says="zeppelin")
def _():
    return HEAD
