"""The lines of a PDF page are as long as its paper. Here they become words and paragraphs again.

Wrong guesses cost little: no word is lost, only a newline or a hyphen too many or too few.
"""

import re
import unicodedata

HYPHEN_MARK = "\ufffe"  # PDFium's character for a hyphen at the end of a line it has joined

# Each pattern begins where a word begins, so that a long word is scanned once, not once a letter.
_DIVIDED_WORD = re.compile(rf"(?<!\w)(\w++){HYPHEN_MARK}\s*(?=(\w++))")
_COMPOUND = re.compile(r"(?<!\w)(\w++)-(?=(\w++))")
_NARROWEST_COLUMN = 40  # characters; lines of lists and tables are shorter
_ENDS_SENTENCE = tuple(".!?:;。！？：；")


def mend_hyphens(texts: list[str]) -> list[str]:
    """Put words together that were divided at the end of a line.

    A hyphen stays where the same compound is written with one elsewhere in the document
    ("well-known") and before what does not begin in lower case ("SHA-256").
    """
    compounds = {pair for text in texts for pair in _COMPOUND.findall(text.lower())}

    def mend(match: re.Match[str]) -> str:
        left, right = match.groups()
        is_compound = (left.lower(), right.lower()) in compounds or not right[0].islower()
        return f"{left}-" if is_compound else left

    return [_DIVIDED_WORD.sub(mend, text).replace(HYPHEN_MARK, "-") for text in texts]


def flow(page: str) -> str:
    """Join the lines of each paragraph of one page's text."""
    lines = page.split("\n")
    lengths = sorted(len(line) for line in lines)
    width = max(_NARROWEST_COLUMN, lengths[9 * len(lengths) // 10])
    parts = [lines[0]]
    for line, following in zip(lines, lines[1:], strict=False):
        parts += [_between(line, following, width), following]
    return "".join(parts)


def _between(line: str, following: str, width: int) -> str:
    """What belongs between two lines: a newline, or a space if the second continues the first."""
    if not line or not following or line.endswith(_ENDS_SENTENCE):
        return "\n"
    last, first = line[-1], following[0]
    if _is_wide(last) and _is_wide(first):  # Chinese and Japanese write no spaces
        return "" if 2 * len(line) >= width else "\n"
    if first.islower():
        continues = len(line) >= 0.5 * width
    else:
        continues = len(line) >= 0.8 * width and first.isalpha() and (last.isalpha() or last == ",")
    return " " if continues else "\n"


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
