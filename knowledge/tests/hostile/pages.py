"""Pages that go deep, never end, refer to elsewhere, or are something else as well."""

from knowledge.tests.hostile.cases import SERVER, case
from knowledge.tests.hostile.packages import a_zip
from knowledge.tests.hostile.pdfs import one_page
from knowledge.tests.hostile.texts import EXTERNAL, LAUGHS

PAGE = b"<!doctype html><title>Zeppelins</title><p>The zeppelin leaves at seven."


@case("deep-divs.html", says="zeppelin")
def _():
    return PAGE + b"<div>" * 100_000 + b"deep" + b"</div>" * 100_000


@case("deep-tables.html", says="zeppelin", is_slow=True)
def _():
    return PAGE + b"<table><tr><td>" * 100_000


@case("deep-lists.html", says="zeppelin", is_slow=True)
def _():
    return PAGE + b"<ul><li>x" * 50_000


@case("deep-inline.html", says="zeppelin")
def _():
    return PAGE + b"<b><i><u><a href=x>" * 50_000 + b"x"


@case("deep-svg.html", says="zeppelin")
def _():
    return PAGE + b"<svg><foreignObject><math><mtext>" * 30_000


@case("deep-templates.html", says="zeppelin")
def _():
    return PAGE + b"<template>" * 50_000


@case("formatting-carried-on.html", says="zeppelin", is_slow=True)
def _():
    fonts = b"".join(b"<font color=%d>" % number for number in range(1000))
    return PAGE + fonts + b"<p>x" * 5_000


@case("headings.html", says="zeppelin")
def _():
    return PAGE + b"<h1>zeppelin" * 50_000


@case("cells-over-cells.html", says="zeppelin")
def _():
    return PAGE + b"<table>" + (b"<tr>" + b"<td rowspan=65534 colspan=1000>x" * 100) * 100


@case("wide-table.html", says="zeppelin", is_slow=True)
def _():
    return PAGE + b"<table><tr>" + b"<td>x" * 300_000


@case("long-table.html", says="zeppelin", is_slow=True)
def _():
    return PAGE + b"<table><tr><th>a<th>b" + b"<tr><td>1<td>2" * 50_000


@case("comment-that-never-ends.html", says="zeppelin", is_slow=True)
def _():
    return PAGE + b"<!--" + b"x-->y<!--" * 100_000


@case("attributes.html", says="zeppelin")
def _():
    return PAGE + b"<p " + b"".join(b"a%d=1 " % number for number in range(100_000)) + b">x"


@case("long-attribute.html", says="zeppelin")
def _():
    return PAGE + b"<p style='" + b"display" * 500_000 + b"'>x"


@case("open-tags.html", says="zeppelin", is_slow=True)
def _():
    return PAGE + b"<" * 1_000_000 + b"a<b " * 100_000


@case("character-references.html", says="zeppelin")
def _():
    return PAGE + b"&#0;&#x110000;&amp;&notanentity;&#xD800;" * 50_000


@case("elsewhere.html", says="zeppelin")
def _():
    tags = (
        b"<base href='%s/'><link rel=stylesheet href='%s/css'><script src='%s/js'></script>",
        b"<meta http-equiv=refresh content='0;url=%s/r'><img src='%s/img' srcset='%s/set'>",
        b"<iframe src='%s/frame'></iframe><object data='%s/object'></object><embed src='%s/e'>",
        b"<video src='%s/v' poster='%s/p'></video><svg><use href='%s/svg#x'/></svg>",
    )
    return PAGE + b"".join(tag % ((SERVER,) * 3) for tag in tags)


@case("laughs.xhtml")
def _():
    return b'<?xml version="1.0"?>' + LAUGHS + b"<html><body><p>zeppelin &j;</p></body></html>"


@case("entities-elsewhere.xhtml")
def _():
    return b'<?xml version="1.0"?>' + EXTERNAL + b"<html><body>zeppelin &a;&b;</body></html>"


@case("wrong-charset.html", says="zeppelin")
def _():
    return b"<meta charset=utf-32><meta charset=idna>" + PAGE + "Größe".encode() * 1000


@case("zeros.html")
def _():
    return PAGE.replace(b"<", b"\0<\0") * 100


@case("page-called.pdf", says="zeppelin")
def _():
    return PAGE


@case("pdf-called.html", says="zeppelin")
def _():
    return one_page()


@case("page-and-pdf.html", says="zeppelin")
def _():
    return b"<!doctype html><!--\n" + one_page() + b"-->" + PAGE


@case("pdf-and-zip.pdf", says="zeppelin")
def _():
    return one_page() + a_zip({"secret.txt": b"x" * 1000})


@case("gif-and-zip.gif", reason="an image")
def _():
    return b"GIF89a\x01\x00\x01\x00\x00\x00\x00;" + a_zip({"word/document.xml": b"<x/>"})


@case("program-and-page.html", reason="a program")
def _():
    return b"\x7fELF\x02\x01\x01" + bytes(9) + PAGE
