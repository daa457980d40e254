"""Exact arithmetic on what is written as a text. Numbers are fractions; nothing is rounded unasked.

    expression = term (("+" | "-") term)*
    term       = factor (("*" | "/" | "//" | "%") factor)*
    factor     = ("+" | "-") factor | power
    power      = operand (("**" | "^") factor)?
    operand    = number | "(" expression ")" | function "(" expression ("," expression)* ")"

Every number on the way stays below MOST_BITS in numerator and denominator, so that no text makes it
work for long.
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial, reduce

LONGEST = 1_000  # characters
DEEPEST = 40  # of what is nested
MOST_BITS = 10_000  # about 3,000 digits
LONGEST_DECIMAL = 100  # digits after the point
SHOWN_DIGITS = 30  # of a number that has no end, or a later one

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?|\.\d+)|([a-z]+)|(\*\*|//|[-+*/%^(),]))")


class Unclear(ValueError):
    """This cannot be calculated. The text says why."""


def calculated(text: str) -> Fraction:
    """The value of an expression, or Unclear."""
    if len(text) > LONGEST:
        raise Unclear(f"An expression has at most {LONGEST} characters.")
    text = text.lower().replace("\u2212", "-").replace("\u00d7", "*").replace("\u00f7", "/")
    return _Parser(_tokens(text)).whole()


def written(value: Fraction) -> str:
    """A number in full where it ends, else as a fraction and approximately."""
    if value.denominator == 1:
        return str(value.numerator)
    rest, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        places = max(places, power)
    if rest == 1 and places <= LONGEST_DECIMAL:
        return _decimal(value, places)
    return f"{value.numerator}/{value.denominator} (about {_decimal(value, SHOWN_DIGITS)})"


def _decimal(value: Fraction, places: int) -> str:
    scaled = round(abs(value) * 10**places)
    digits = str(scaled).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def _tokens(text: str) -> list[str]:
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if not found:
            raise Unclear(f"This is not understood: {text[position : position + 20].strip()}")
        tokens.append(found.group().strip())
        position = found.end()
    return [*tokens, ""]


class _Parser:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Fraction:
        value = self._expression()
        if self._next:
            raise Unclear(f"This is not understood: {self._next}")
        return value

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self, *wanted: str) -> str:
        word = self._next
        if word not in wanted:
            raise Unclear(f"{' or '.join(wanted)} is missing before: {word or 'the end'}")
        self._at += 1
        return word

    def _expression(self) -> Fraction:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unclear("This is nested too deeply.")
        value = self._term()
        while self._next in ("+", "-"):
            value = _combined(self._take("+", "-"), value, self._term())
        self._depth -= 1
        return value

    def _term(self) -> Fraction:
        value = self._factor()
        while self._next in ("*", "/", "//", "%"):
            value = _combined(self._take("*", "/", "//", "%"), value, self._factor())
        return value

    def _factor(self) -> Fraction:
        sign = 1
        while self._next in ("+", "-"):
            sign = -sign if self._take("+", "-") == "-" else sign
        return sign * self._power()

    def _power(self) -> Fraction:
        value = self._operand()
        if self._next not in ("**", "^"):
            return value
        self._take("**", "^")
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unclear("This is nested too deeply.")
        exponent = self._factor()
        self._depth -= 1
        return _combined("**", value, exponent)

    def _operand(self) -> Fraction:
        word = self._next
        if word[:1].isdigit() or word[:1] == ".":
            self._at += 1
            return _bounded(Fraction(word))
        if word in _FUNCTIONS:
            self._at += 1
            return _bounded(_FUNCTIONS[word](self._values()))
        if word.isalpha():
            raise Unclear(f"There are {', '.join(sorted(_FUNCTIONS))}, but no {word}.")
        if word != "(":
            raise Unclear(f"A number is missing before: {word or 'the end'}")
        self._take("(")
        value = self._expression()
        self._take(")")
        return value

    def _values(self) -> list[Fraction]:
        self._take("(")
        values = [self._expression()]
        while self._take(",", ")") == ",":
            values.append(self._expression())
        return values


def _combined(operator: str, one: Fraction, other: Fraction) -> Fraction:
    if operator in ("/", "//", "%") and other == 0:
        raise Unclear("A number is divided by 0.")
    match operator:
        case "+":
            return _bounded(one + other)
        case "-":
            return _bounded(one - other)
        case "*":
            return _bounded(one * other)
        case "/":
            return _bounded(one / other)
        case "//":
            return _bounded(Fraction(one // other))
        case "%":
            return _bounded(one % other)
    return _power(one, other)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise Unclear("Only whole numbers are exponents; roots are not exact.")
    if base == 0 and exponent < 0:
        raise Unclear("A number is divided by 0.")
    if base not in (0, 1, -1) and _bits(base) * abs(exponent.numerator) > MOST_BITS:
        raise Unclear("The result is too large.")
    whole = exponent.numerator
    return _bounded(base ** (whole % 2 if base in (1, -1) else whole))


def _rounded(values: Sequence[Fraction]) -> Fraction:
    """As people round: a half goes away from 0."""
    places = values[1] if len(values) == 2 else Fraction(0)
    if len(values) > 2 or places.denominator != 1 or abs(places) > 100:
        raise Unclear("round takes a number and how many places it keeps, 100 at most.")
    shifted = abs(values[0]) * Fraction(10) ** places.numerator
    whole = (shifted + Fraction(1, 2)) // 1
    result = Fraction(whole) / Fraction(10) ** places.numerator
    return -result if values[0] < 0 else result


def _absolute(values: Sequence[Fraction]) -> Fraction:
    if len(values) != 1:
        raise Unclear("abs takes one number.")
    return abs(values[0])


_FUNCTIONS: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "abs": _absolute,
    "max": max,
    "min": min,
    "round": _rounded,
    "sum": partial(reduce, partial(_combined, "+")),
}


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MOST_BITS:
        raise Unclear("A number on the way is too large.")
    return value
