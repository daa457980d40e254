"""What a question asks for: an amount of money, a date, a person. And whether a sentence has it.

The patterns are English. A question they do not know is of no kind, and any sentence suits it.
"""

import re
from dataclasses import dataclass

from agents.evidence.words import STOP_WORDS, WORD, words_of

SMALL = (
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen"
    r"|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty"
    r"|ninety|hundreds?|thousands?|million|billion|half|dozen)\b"
)
NUMBER = rf"(?:\d[\d.,]*|{SMALL})"
TIME = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|quarters?|semesters?|nights?)"
SPAN = rf"{NUMBER}\)?(?:\s|-)(?:\w+\s)?{TIME}"
DATE = (
    r"\b(?:(?:1\d|20)\d\d|january|february|march|april|may|june|july|august|september|october"
    r"|november|december|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|week(?:day|end)s?|midnight"
    r"|noon|centur(?:y|ies)|immediately|at once|same day|(?:first|last) day|daily|every|each"
    r"|before|after|until|within|beginning|end of|from the)\b"
)
CLOCK = r"\b\d{1,2}(?:[:.]\d\d|\s?[ap]\.?m\b)"
MONEY = (
    rf"[$€£¥]\s?\d|\b(?:usd|eur|gbp|chf)\s?\d|{NUMBER}\s?(?:%|(?:us dollars?|euros?|dollars?"
    r"|pounds?|p|pence|cents?|usd|eur|gbp|chf|francs?|percent\w*|times)\b)"
    r"|\b(?:free|no charge|half[ -]price|half the)\b"
)
HOW_OFTEN = r"\b(?:once|twice|daily|weekly|monthly|yearly|annually|quarterly|every|each|hourly)\b"
LENGTH = rf"{NUMBER}\s?(?:\w*met(?:er|re)s?|[kcm]?m|inch(?:es)?|feet|foot|miles?|yards?|pages?)\b"
LASTING = rf"{HOW_OFTEN}|\b(?:until|indefinitely|around the clock|immediately|at least)\b"
ROLE = (
    r"\b(?:we|manager|officer|lead|team|head|department|desk|director|authors?|owner|staff|president"
    r"|chief|supervisor|office|panel|board|council|committee|technicians?|engineers?|landlord"
    r"|tenant|employees?|drivers?|customers?|compan(?:y|ies))\b"
)
FULL_NAME = r"\b[A-ZÀ-Þ][\w\u2019'-]+ [A-ZÀ-Þ][\w\u2019'-]+"

# In order: the first pattern found in the question gives its kind.
ASKS = {
    "money": r"^\W*(?:how much|what)\b.*\b(?:costs?|price|fees?|charged?|salary|wage|income|fine"
    r"|rent|tuition|pay|pays|paid|earn|hourly rate|mileage rate|deposit)\b|\bhow expensive\b"
    r"|\b(?:price|cost|fee)s? (?:of|for|per)\b",
    "count": r"\bhow many\b(?! times)|\bnumber of\b",
    "date": r"^\W*(?:since |until |from |by )?(?:when|what time|(?:what|which) (?:year|date))\b"
    r"|\bhow (?:soon|quickly|late|early)\b|\b(?:opening hours|deadline|in (?:what|which) year)\b",
    "span": r"\bhow (?:long|old|often|frequently|many times|far (?:in advance|ahead))\b",
    "size": r"\bhow (?:large|big|tall|high|deep|wide|far|heavy|loud|fast|warm|hot|cold|thick)\b"
    r"|\b(?:weigh|weight|distance|height|depth|length|temperature|capacity|altitude|voltage)\b",
    "amount": r"\bhow much\b|\b(?:percentage|(?:telephone|phone|fax) number|extension)\b",
    "person": r"^\W*(?:who|whom|whose)\b|\bname of\b",
    "yes or no": r"^\W*(?:is|are|was|were|do|does|did|can|could|may|must|should|will|would|has"
    r"|have|am)\b",
}
HAS = {
    "money": MONEY,
    "date": rf"{DATE}|{CLOCK}|{SPAN}",
    "span": rf"{SPAN}|{LENGTH}|{LASTING}",
    "size": NUMBER,
    "amount": NUMBER,
}
NOT_COUNTED = re.compile(r"\s?(?:%|percent|euros?|dollars?|:\d|°)")
_ASKS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in ASKS.items()}
_HAS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in HAS.items()}
_YEAR = re.compile(r"(?:1\d|20)\d\d[.,]?")
_COUNT = re.compile(NUMBER, re.IGNORECASE)
_ROLE = re.compile(ROLE, re.IGNORECASE)
_FULL_NAME = re.compile(FULL_NAME)
_COUNTED = re.compile(
    r"\b(?:how many|number of)\s+((?:[\w'\u2019-]+\s*){1,3}?)"
    r"(?=\s*(?:\b(?:do|does|did|is|are|was|were|can|may|must|should|will|have|has|had|a|an|the|in"
    r"|of|at|per|to|for|i|we|you|before|after|with)\b|[?.]|$))",
    re.IGNORECASE,
)
# Where a name stands that the question is about: "does Initech", "at Initech", "Initech's".
_OWNER = re.compile(
    r"\b(?i:do|does|did|is|has|are|will|at|of|by|with)\s+(?i:the\s+)?((?:[A-ZÀ-Þ][\w-]*\s?)+)"
    r"|\b([A-ZÀ-Þ][\w-]*)['\u2019]s\b"
)
# Words that say what kind of answer is wanted, not what it is about.
_KIND_WORDS = re.compile(
    r"\bhow (?:long|often|soon|far|early|late|quickly|fast|old|big|large|tall|high|deep|wide|heavy"
    r"|loud|warm|hot|cold|thick|frequently|expensive)\b"
    r"|\b(?:what|which) (?:time|year|date|kind|sort)\b|\b(?:in advance|many times)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart. Spans are offsets into `text`.

    `topic` is the spans of the words an answer should be about; `counted` the span of what "how
    many" counts, or None; `owners` the names, in lower case, of those whose facts are asked for.
    """

    text: str
    kind: str
    topic: tuple[tuple[int, int], ...]
    counted: tuple[int, int] | None
    owners: tuple[str, ...]

    @classmethod
    def of(cls, text: str, *, known: frozenset[str] = frozenset()) -> "Question":
        """Take a question apart. `known` are words that name the asker's own organization."""
        of_kind = [match.span() for match in _KIND_WORDS.finditer(text)]
        spans: dict[str, tuple[int, int]] = {}
        for match in WORD.finditer(text):
            word = match.group().lower().replace("\u2019", "'")
            if word not in STOP_WORDS and not any(a <= match.start() < b for a, b in of_kind):
                spans.setdefault(word, match.span())
        foreign = {word: span for word, span in spans.items() if word not in known}
        counted = _COUNTED.search(text)
        return cls(
            text=text,
            kind=next((kind for kind, asks in _ASKS.items() if asks.search(text)), ""),
            topic=tuple((foreign or spans).values()),
            counted=counted.span(1) if counted else None,
            owners=tuple(dict.fromkeys(word for word in _owners(text) if word not in known)),
        )


def _owners(text: str) -> list[str]:
    """Capitalised words, in lower case, that stand where the owner of a fact does."""
    phrases = [match.group(1) or match.group(2) for match in _OWNER.finditer(text)]
    words = [word for phrase in phrases for word in words_of(phrase)]
    return [
        word
        for word in words
        if len(word) > 1
        and not {word, f"{word}'s"} & STOP_WORDS
        and not _HAS["date"].fullmatch(word)
    ]


def suits(question: Question, sentence: str) -> int:
    """1 if the sentence has what the question asks for, -1 if not, 0 if it cannot be said."""
    if question.kind == "person":
        asked = set(words_of(question.text))
        names = (set(words_of(m.group())) for m in _FULL_NAME.finditer(sentence))
        roles = {m.group().lower() for m in _ROLE.finditer(sentence)}
        return 1 if any(not name & asked for name in names) or roles - asked else -1
    if question.kind == "count":
        return 1 if counts(sentence) else -1
    pattern = _HAS.get(question.kind)
    if pattern is None:
        return 0
    return 1 if pattern.search(sentence) else -1


def counts(sentence: str) -> list[tuple[int, int]]:
    """Spans of the numbers that count something: no years, money, shares or times of day."""
    return [
        match.span()
        for match in _COUNT.finditer(sentence)
        if not _YEAR.fullmatch(match.group())
        and not NOT_COUNTED.match(sentence, match.end())
        and sentence[max(0, match.start() - 2) : match.start()].strip() not in ("$", "€", "£")
    ]
