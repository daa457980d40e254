"""HTML, by Lexbor: what a person sees of a page, as headings, paragraphs, lists and tables.

Nothing is loaded: no image, no frame, no style sheet.
"""

import codecs
import re
from pathlib import Path

from knowledge.ingestion.decode import decode, has_byte_order_mark
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.html_blocks import add_page
from knowledge.ingestion.formats.plain import too_many_characters
from knowledge.ingestion.formats.text_blocks import Blocks
from knowledge.ingestion.reading import Limits, Reading

_EXTENSIONS = {"html", "htm", "xhtml", "xht"}
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]{,200}\?>\s*)?(?:<!--.{,2000}?-->\s*){,5}<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{,30})")

_LONGEST = 4  # bytes for each character that may be taken from a page

# Where an encoding may be declared, by the standard and then some.
_DECLARATION_BYTES = 4096
_DECLARED = re.compile(
    rb"""(?:<meta[^>]{,300}?charset|<\?xml[^>]{,100}?encoding)\s*=\s*["']?\s*([\w:.-]{1,40})""",
    re.IGNORECASE,
)
# As browsers have it (https://encoding.spec.whatwg.org/#names-and-labels): these names mean more
# than they say, and a declaration in ASCII letters is no UTF-16.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}

# Lexbor compares each attribute with those before it: 100,000 of them took it a minute.
_TOO_MANY_ATTRIBUTES = re.compile(
    r"""(<[a-zA-Z][^\s/>"']*+)(?:[\s/]++[^\s/>"']++(?:"[^"]*+"|'[^']*+')?+){300}"""
    r"""(?:[^>"']++|"[^"]*+"|'[^']*+')*+"""
)
# Lexbor looks through all open elements at each tag: 100,000 nested ones took it 22 s.
_MAX_DEPTH = 512
# These never hold others, or are closed by the next of their kind: they make nothing deep.
_SHALLOW_TAGS = (
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th "
    "thead tbody tfoot option optgroup colgroup html head body"
)
_SHALLOW = set(_SHALLOW_TAGS.split())


def add_html(blocks: Blocks, html: str, *, with_title: bool = True) -> None:
    """Add what a person sees of a page. Raises UnreadableDocument when it is too long."""
    # Imported here: what only recognizes formats, such as the web process, never loads Lexbor.
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(_flattened(_TOO_MANY_ATTRIBUTES.sub(r"\1", html)))
    if page.root is not None:
        add_page(blocks, page.root, with_title=with_title)


def decode_html(data: bytes) -> str:
    """A page as text: by its byte order mark, what it declares, or as any other text."""
    declared = _DECLARED.search(data[:_DECLARATION_BYTES])
    if declared and not has_byte_order_mark(data):
        return decode(data, declared=_encoding(declared[1].decode()))
    return decode(data)


def _encoding(label: str) -> str | None:
    """The encoding that a label in a page means, or None when there is none."""
    try:
        name = codecs.lookup(label).name
    except (LookupError, UnicodeError):
        return None
    return _MEANT.get(name, name)


def _flattened(html: str) -> str:
    """The page without the tags of elements that lie too deep; their text stays."""
    if html.count("<") <= _MAX_DEPTH:
        return html
    kept = []
    depth = start = 0
    for tag in _TAG.finditer(html):
        closes, name = tag.groups()
        if name.lower() in _SHALLOW:
            continue
        if not closes:
            depth += 1
        if depth > _MAX_DEPTH:
            kept.append(html[start : tag.start()])
            end = html.find(">", tag.end())
            start = end + 1 if end >= 0 else len(html)
        if closes and depth:
            depth -= 1
    return "".join([*kept, html[start:]]) if kept else html


def _recognizes(sample: Sample) -> bool:
    if sample.text is None:
        return False
    text = sample.text.removeprefix("\ufeff")
    if sample.extension in _EXTENSIONS:
        return _TAG.search(text) is not None
    return _PAGE.match(text) is not None


def _refuse_long(path: Path, limits: Limits) -> None:
    if path.stat().st_size > _LONGEST * limits.characters:
        raise too_many_characters(limits)


def _read(path: Path, limits: Limits) -> Reading:
    _refuse_long(path, limits)
    blocks = Blocks(limits)
    add_html(blocks, decode_html(path.read_bytes()))
    return blocks.reading(FORMAT.file_type)


FORMAT = Format(
    file_type="html", label="HTML", recognizes=_recognizes, read=_read, refuse_long=_refuse_long
)
