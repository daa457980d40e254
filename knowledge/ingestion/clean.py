"""Text as it is stored: one kind of newline and of space, nothing invisible.

What is invisible is removed because PostgreSQL refuses some of it (NUL, lone surrogates), because
it keeps words from being found (soft hyphens), and because it can hide instructions from the
people who read a document but not from a model (Unicode tags, bidirectional overrides).
"""

import re
import unicodedata

_NEWLINES = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters, but for tab and newlines
    "\u00ad\u2060\ufeff"  # soft hyphen, word joiner, byte order mark
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\ud800-\udfff"  # lone surrogates
    "\ufdd0-\ufdef\ufffe\uffff"  # noncharacters
    "\U000e0000-\U000e007f]"  # tags
)
# A letter with more than 30 marks on it is no word, and sorting them takes quadratic time: the
# Stream-Safe Text Format (https://www.unicode.org/reports/tr15/#Stream_Safe_Text_Format).
_MAX_MARKS = 30
_MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{_MAX_MARKS + 1},}}")
_LIGATURES = re.compile("[\ufb00-\ufb06]")
# The look-behind keeps a long run of spaces from being scanned once from each of its spaces.
_TRAILING_SPACES = re.compile(r"(?<![ \t])[ \t]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean_text(text: str) -> str:
    """The text in Unicode's composed form (NFC), without what is invisible; "" if nothing is left.

    Lines lose trailing spaces, several blank lines become one, and the text begins and ends with a
    line that says something.
    """
    text = _NEWLINES.sub("\n", text)
    text = _INVISIBLE.sub("", text)
    text = _SPACES.sub(" ", text)
    text = _LIGATURES.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _MAYBE_MARKS.sub(_without_piled_marks, text)
    text = unicodedata.normalize("NFC", text)
    text = _TRAILING_SPACES.sub("", text)
    text = _BLANK_LINES.sub("\n\n", text)
    return text.rstrip().lstrip("\n")


def _without_piled_marks(match: re.Match[str]) -> str:
    kept = []
    marks = 0
    for character in match[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MAX_MARKS:
            kept.append(character)
    return "".join(kept)
