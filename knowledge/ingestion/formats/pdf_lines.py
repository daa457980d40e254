"""The lines of a PDF page are as long as its paper. Here they become words and paragraphs again.

A wrong guess costs little: no word is lost, only a newline or a hyphen is one too many or too few.
"""

import re
import unicodedata
from itertools import pairwise

_HYPHEN_MARK = "\ufffe"  # PDFium's sign for a hyphen at the end of a line, whose newline it drops
_NARROWEST_COLUMN = 40  # characters; lines of lists and tables are shorter
_ENDS_SENTENCE = tuple(".!?:;\u3002\uff01\uff1a\uff1b\uff1f")  # the latter Chinese and Japanese

# Each pattern begins where a word begins, so that a long word is scanned once, not once a letter.
_COMPOUND = re.compile(r"(?<!\w)(\w++)-(?=(\w++))")
_LAST_WORD = re.compile(r"(?<!\w)\w++$")
_FIRST_WORD = re.compile(r"\w*")

_Compounds = set[tuple[str, str]]


def flow(pages: list[str]) -> list[str]:
    """Pages as PDFium gives them, with the lines of each paragraph joined and words mended.

    A hyphen at the end of a line stays where the same compound has one elsewhere in the document
    ("well-known"), and before what does not begin in lower case ("SHA-256").
    """
    compounds = {pair for page in pages for pair in _COMPOUND.findall(page.lower())}
    return [_flow_page(page, compounds) for page in pages]


def _flow_page(page: str, compounds: _Compounds) -> str:
    lines = [line.rstrip() for line in page.replace(_HYPHEN_MARK, _HYPHEN_MARK + "\n").splitlines()]
    lengths = sorted(len(line) for line in lines)
    width = max([_NARROWEST_COLUMN, *lengths[9 * len(lengths) // 10 :][:1]])
    parts = []
    for line, following in pairwise([*lines, ""]):
        parts.append(line.removesuffix(_HYPHEN_MARK))
        if line.endswith(_HYPHEN_MARK):
            parts.append(_hyphen(line.removesuffix(_HYPHEN_MARK), following, compounds))
        else:
            parts.append(_space(line, following, width))
    return "".join(parts).rstrip()


def _hyphen(line: str, following: str, compounds: _Compounds) -> str:
    """What belongs between the halves of a word: a hyphen or nothing."""
    left = _LAST_WORD.search(line)
    right = _FIRST_WORD.match(following)
    if not left or not right or not right[0][:1].islower():
        return "-"
    return "-" if (left[0].lower(), right[0].lower()) in compounds else ""


def _space(line: str, following: str, width: int) -> str:
    """What belongs between two lines: a newline, or a space if the second continues the first."""
    if not line or not following or line.endswith(_ENDS_SENTENCE):
        return "\n"
    last, first = line[-1], following[0]
    if _is_wide(last) and _is_wide(first):
        return "" if len(line) >= 0.5 * width else "\n"
    if first.islower():
        continues = len(line) >= 0.5 * width
    else:
        continues = len(line) >= 0.8 * width and first.isalpha() and (last.isalpha() or last == ",")
    return " " if continues else "\n"


def _is_wide(character: str) -> bool:
    """Whether it is of a script that writes no spaces, such as Chinese and Japanese."""
    return unicodedata.east_asian_width(character) in "WF"
