"""A reply's text without images, links and HTML, as it comes in pieces.

Whoever can write a document that a model reads can make it write an image or a link whose address
carries away what the conversation says; a browser fetches an image unasked. So no address survives
as one, whoever wrote it first: of a link its text stays, of an image its description, of a bare URL
what can be read of it, without scheme and query.

Two steps, with the marks of citations between them. `Plain` takes away what is usually written, so
that it reads well. `Guard` comes last and is what can be relied on: by nothing but blanks it breaks
all that CommonMark or GitHub's Markdown would make a link, an image or HTML of, however strange.
E-mail addresses stay: they lead nowhere without a hand.
"""

import re
from html import unescape

_LONGEST_TEXT = 300  # characters of a link's text, for which a stream waits
_LONGEST_TARGET = 500
_DEEPEST = 8  # brackets within brackets
_SCHEMES = ("http://", "https://", "ftp://", "file://", "ws://", "wss://", "mailto:", "www.")
_SCHEME = r"(?:https?|ftp|file|wss?)\\?:\\?/\\?/|mailto\\?:|www\\?\."
_TAGS = (
    r"a|abbr|audio|b|base|big|blockquote|br|button|code|del|details|div|em|embed|figure|font|form"
    r"|h[1-6]|hr|i|iframe|img|input|ins|kbd|li|link|map|mark|math|meta|object|ol|p|picture|pre|s"
    r"|script|small|source|span|strong|style|sub|summary|sup|svg|table|tbody|td|th|thead|tr|u|ul"
    r"|video"
)
_START = re.compile(rf"!?\[|<|&|(?<![A-Za-z0-9])(?:{_SCHEME})", re.IGNORECASE)
_TAG = re.compile(
    rf"</?(?:{_TAGS})(?:\s[^<>]*|/)?>|<!--.{{0,{_LONGEST_TARGET}}}?-->", re.IGNORECASE | re.DOTALL
)
_TAG_BEGINS = re.compile(r"<(?:!-|!--.*|[/!]?[A-Za-z]?|/?[A-Za-z][^<>]*)", re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_ENTITY_BEGINS = re.compile(r"&#?[A-Za-z0-9]{0,32}")
_URL = re.compile(rf"(?:{_SCHEME})+([^\s<>\"'`()\[\]{{}}|]*)", re.IGNORECASE)
_URL_BEGINS = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,6}[\\:/]{0,6}$")
_NUMBERS = re.compile(r"\[?(\d{1,3}(?:\s?,\s?\d{1,3})*)\]?")
# The target of what can only be code: a call after an index.
_CALL = re.compile(r"[\w\s,+*'\"=-]*")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")

Replaced = tuple[str, int] | None


class Plain:
    """Takes away links, images and HTML as they are usually written."""

    def __init__(self) -> None:
        self._held = ""
        self._before = ""

    def feed(self, text: str, *, is_last: bool = False) -> str:
        """Return the text that is clear by now."""
        plain, self._held = _plain(self._held + text, before=self._before, is_last=is_last)
        self._before = (self._before + plain)[-1:]
        return plain


def _plain(text: str, *, is_last: bool, before: str = "") -> tuple[str, str]:
    """The text without links, and its end as far as that is not clear yet."""
    done: list[str] = []
    at = len(before)
    text = before + text
    while found := _START.search(text, at):
        done.append(text[at : found.start()])
        replaced = _replaced(text, found.start(), is_last=is_last)
        if replaced is None:
            return "".join(done), text[found.start() :]
        done.append(replaced[0])
        at = replaced[1]
    end = len(text) if is_last else _clear_end(text, at)
    done.append(text[at:end])
    return "".join(done), text[end:]


def _clear_end(text: str, at: int) -> int:
    """Where the end of a text begins that may become an image or a URL."""
    if text.endswith("!"):
        return max(at, len(text) - 1)
    begun = _URL_BEGINS.search(text, max(at, len(text) - 12))
    if begun and any(s.startswith(begun.group().replace("\\", "").lower()) for s in _SCHEMES):
        return begun.start()
    return len(text)


def _replaced(text: str, at: int, *, is_last: bool) -> Replaced:
    """What stands for what begins here, and where that ends; None while it cannot be told."""
    match text[at]:
        case "<":
            return _tag(text, at, is_last=is_last)
        case "&":
            return _entity(text, at, is_last=is_last)
        case "!" | "[":
            return _link(text, at, is_last=is_last)
    return _url(text, at, is_last=is_last)


def _tag(text: str, at: int, *, is_last: bool) -> Replaced:
    if tag := _TAG.match(text, at):
        return (" " if tag.group().lower().startswith("<br") else ""), tag.end()
    rest = text[at : at + _LONGEST_TARGET]
    may_come = len(rest) < _LONGEST_TARGET and not _BLANK_LINE.search(rest)
    if not is_last and may_come and _TAG_BEGINS.fullmatch(rest):
        return None
    return "<", at + 1


def _entity(text: str, at: int, *, is_last: bool) -> Replaced:
    if entity := _ENTITY.match(text, at):
        return unescape(entity.group()), entity.end()
    if not is_last and _ENTITY_BEGINS.fullmatch(text, at):
        return None
    return "&", at + 1


def _url(text: str, at: int, *, is_last: bool) -> Replaced:
    url = _URL.match(text, at)
    assert url
    if url.end() == len(text) and not is_last and len(url.group()) < _LONGEST_TARGET:
        return None
    shown = re.split(r"[?#](?=[^?#.,;:!])", url.group(1))[0]
    if url.group()[:7].lower() == "mailto:":
        return shown, url.end()
    host, slash, path = shown.partition("/")
    return host.rpartition("@")[2] + slash + path, url.end()


def _link(text: str, at: int, *, is_last: bool) -> Replaced:
    is_image = text[at] == "!"
    start = at + is_image
    untouched = text[at : start + 1], start + 1
    end = _closing(text, start, "[", "]", _LONGEST_TEXT)
    if end is None or end == len(text):
        return untouched if is_last else None
    if end < 0 or text[end] != "(":
        return untouched
    last = _closing(text, end, "(", ")", _LONGEST_TARGET)
    if last is None:
        return untouched if is_last else None
    target = text[end + 1 : last - 1]
    if last < 0 or (not is_image and _CALL.fullmatch(target)):
        return untouched
    said, _ = _plain(text[start + 1 : end - 1], is_last=True)
    numbers = _NUMBERS.fullmatch(said)
    return f"[{numbers[1]}]" if numbers else said, last


def _closing(text: str, at: int, opening: str, closing: str, longest: int) -> int | None:
    """The position after the bracket that closes the one at `at`; None where that may still come;
    -1 where it is too far away or too deep, or the paragraph ends before."""
    depth, position = 0, at
    end = min(len(text), at + longest)
    while position < end:
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "\n" and _BLANK_LINE.match(text, position):
            return -1
        elif character == opening:
            depth += 1
            if depth > _DEEPEST:
                return -1
        elif character == closing:
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return None if end < at + longest else -1


class Guard:
    """Breaks by blanks whatever could still become a link, an image or HTML."""

    _BREAKS = re.compile(
        r"\](?=\()"  # the target of a link or an image
        # The target that a label is defined to have, or so many blanks that it is not waited for.
        r"|\](?=:\s{0,63}+(?:\s|\S{0,200}[./\\&:<]|\S{200}))"
        r"|<(?=[A-Za-z/!?])"  # HTML, and addresses in angle brackets
        r"|:(?=\\?/\\?/)|(?<=:)\\?/(?=\\?/)|(?<=:\\)/(?=\\?/)"
        r"|(?<![A-Za-z0-9])www(?=\\?\.)|(?<![A-Za-z0-9])(?:mailto|xmpp)(?=\\?:)"
        r"|&(?=#|[A-Za-z][A-Za-z0-9]{1,31};)",  # what stands for another character
        re.IGNORECASE,
    )
    # What may go on to be one of those.
    _OPEN = re.compile(
        r"(?:\](?::\s{0,63}+\S{0,200})?|<|:\\?/?\\?|&[A-Za-z0-9]{0,32}"
        r"|(?<![A-Za-z0-9])(?:w{1,3}|m(?:a(?:i(?:l(?:to?)?)?)?)?|x(?:m(?:pp?)?)?)\\?)$",
        re.IGNORECASE,
    )

    def __init__(self) -> None:
        self._held = ""
        self._before = ""

    def feed(self, text: str, *, is_last: bool = False) -> str:
        """Return the text that is clear by now."""
        at = len(self._before)
        whole = self._before + self._held + text
        still_open = None if is_last else self._OPEN.search(whole, at)
        end = still_open.start() if still_open else len(whole)
        clear, self._held = whole[:end], whole[end:]
        self._before = clear[-1:]
        # All that what is held could complete begins in it.
        return self._BREAKS.sub(lambda found: f"{found.group()} ", clear)[at:]
