"""Whether the first row of a table is a header: told by its cells and by those below them.

A header that is not recognized costs the labels of its rows; a row taken for a header gives every
other row a wrong label. So a header needs evidence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLE_ROWS = 30
_LONGEST_LABEL = 60
_ENOUGH_ROWS = 5
_LONG_TEXT = 40

_KINDS = {
    "flag": r"yes|no|true|false|ja|nein|wahr|falsch|oui|non|s[ií]|[x✓✔✗]",
    "year": r"(?:1[89]|20)\d\d",
    "date": r"\d{4}-\d\d?(?:-\d\d?)?(?:[ T]\d\d?:\d\d.*)?|\d\d?[./-]\d\d?[./-]\d{2,4}.*",
    "time": r"\d\d?:\d\d(?::\d\d)?(?: ?[ap]\.?m\.?)?",
    "number": r"[-+\u2212(<>≤≥~]{0,2} ?[$€£¥]? ?\d[\d.,' ]*(?: ?°?[^\W\d]{1,8}| ?[%€$£¥°])?\)?",
    "address": r"\S+@\S+\.\S+|(?:https?://|www\.)\S+",
    "code": r"(?=\S*\d)[\w./#+-]+",
}
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}
_WORD = re.compile(r"[^\W\d_]+")
# What columns are called, in the languages of many spreadsheets.
_LABEL_WORDS = """
    account address amount answer category city code column comment contact cost count country
    currency customer date day days deadline department description due duration email employee end
    event from function group hours id item key label limit location manager mail max min mode month
    name no note notes number office owner parameter part percent period person phone position price
    priority product project quantity question quarter rate reason region remarks responsible result
    revenue role room score share start state status step sum supplier target task team telephone
    term time title to topic total type unit until url value vendor version week weight year
    adresse anzahl abteilung artikel bemerkung beschreibung betrag bezeichnung datum einheit ende
    kategorie kosten kunde land menge monat nummer ort preis produkt projekt stadt straße stunden
    summe tag thema titel typ umsatz uhrzeit wert zeit zuständig
    client commentaire coût désignation durée jour libellé mois montant nom nombre numéro pays prix
    produit quantité service statut ville
    cantidad cliente ciudad descripción estado fecha importe nombre número país precio producto
"""
_NAMES = frozenset(_LABEL_WORDS.split())


@dataclass(frozen=True, slots=True)
class Header:
    """What the columns of a table are called ("" where nothing says it) and hold (a kind or "")."""

    labels: tuple[str, ...]
    kinds: tuple[str, ...]

    def fits(self, row: Sequence[str]) -> bool:
        """Whether a row that follows empty ones still looks like one of this table."""
        if any(row[len(self.labels) :]):
            return False
        values = [pair for pair in zip(row, self.kinds, strict=False) if all(pair)]
        return bool(values) and all(_kind(value) == kind for value, kind in values)


def find_header(rows: Sequence[Sequence[str]], *, certain: bool | None = None) -> Header | None:
    """The header that the first row is over the others, or None.

    Cells are without spaces at their ends. `certain` says that the row is one, or that it is none.
    """
    labels, body = rows[0], rows[1:]
    kinds = _column_kinds(body, width=max(map(len, rows)))
    if certain is None:
        certain = _may_be_labels(labels, body, kinds) and _is_evident(labels, body, kinds)
    if not certain:
        return None
    return Header(tuple(label.rstrip(" :") for label in labels), kinds)


def _kind(value: str) -> str:
    """What a value looks like; "" for a text."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(value[:100])), "")


def _column_kinds(body: Sequence[Sequence[str]], *, width: int) -> tuple[str, ...]:
    return tuple(_column_kind(_column(body, at)) for at in range(width))


def _column(body: Sequence[Sequence[str]], at: int) -> list[str]:
    return [row[at] for row in body if at < len(row) and row[at]]


def _column_kind(values: list[str]) -> str:
    """The kind of four in five of the values at least. A year among numbers is a number."""
    found = [_kind(value) for value in values]
    if "number" in found:
        found = ["number" if kind == "year" else kind for kind in found]
    best = max(sorted(set(found)), key=found.count, default="")
    return best if 5 * found.count(best) >= 4 * len(found) else ""


def _may_be_labels(
    labels: Sequence[str], body: Sequence[Sequence[str]], kinds: Sequence[str]
) -> bool:
    """Labels are short, different, no values, and leave out at most the first column."""
    used = max((at + 1 for row in body for at, value in enumerate(row) if value), default=0)
    filled = [label for label in labels if label]
    if len(filled) < 2 or len(labels) < used or not all(labels[1:used]):
        return False
    if len({label.casefold() for label in filled}) < len(filled):
        return False
    if max(map(len, filled)) > _LONGEST_LABEL:
        return False
    return _are_years(labels) or not any(map(_is_value, labels, kinds))


def _is_value(label: str, kind: str) -> bool:
    """Whether a label is more likely a value: "Q1" or "No" over numbers are none."""
    own = _kind(label)
    return bool(own) and (own not in ("code", "flag") or kind in ("", own))


def _are_years(labels: Sequence[str]) -> bool:
    """Whether the columns after the first are years in order: labels, for all their digits."""
    years = [label for label in labels[1:] if label]
    in_order = sorted(years) in (years, years[::-1])
    return len(years) > 1 and in_order and {_kind(year) for year in years} == {"year"}


def _is_evident(labels: Sequence[str], body: Sequence[Sequence[str]], kinds: Sequence[str]) -> bool:
    if _are_years(labels):
        return "number" in kinds[1:]
    names = [_is_name(label) for label in labels]
    if sum(names) >= 2 and 2 * sum(names) >= len(names):
        return True
    if len(labels) == 2 and not names[1] and not (kinds[0] and len(body) > 1):
        # It may as well be a list of names and values, the first of which is a text.
        lists_names = any(_is_name(value) for value in _column(body, 0))
        if lists_names or len(body) < _ENOUGH_ROWS:
            return False
    return any(
        kind or _is_of_texts(label, values) or _is_of_choices(label, values)
        for at, (label, kind) in enumerate(zip(labels, kinds, strict=False))
        if (values := _column(body, at))
    )


def _is_name(label: str) -> bool:
    return any(word.casefold() in _NAMES for word in _WORD.findall(label))


def _is_of_texts(label: str, values: list[str]) -> bool:
    lengths = sorted(map(len, values))
    return len(lengths) > 1 and lengths[len(lengths) // 2] > max(_LONG_TEXT, 3 * len(label))


def _is_of_choices(label: str, values: list[str]) -> bool:
    """Whether few values come again and again, and the label is none of them."""
    return (
        len(values) >= _ENOUGH_ROWS and 2 * len(set(values)) <= len(values) and label not in values
    )
