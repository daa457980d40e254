"""Text as PostgreSQL and JSON take it: without NUL and without halves of surrogate pairs."""

import re
from typing import Any

_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_NAME = 64
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Cleaner:
    """Cleans text that comes in pieces; a pair of surrogates may be cut between two of them."""

    def __init__(self) -> None:
        self._held = ""

    def clean(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return clean(text)


def clean(text: str) -> str:
    if not _UNKEEPABLE.search(text):
        return text
    text = _PAIR.sub(lambda pair: _joined(pair[0]), text)
    return _UNKEEPABLE.sub("", text)


def clean_id(text: str) -> str:
    """A call's id as every provider takes it back; "" where there is none."""
    return _NOT_OF_A_NAME.sub("_", text)[:_LONGEST_NAME]


def clean_name(text: str) -> str:
    """The name of the tool in a call, as every provider takes it back."""
    return clean_id(text) or "unnamed"


def clean_json(value: Any) -> Any:
    """The same for every string of a JSON value."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    if isinstance(value, dict):
        return {clean(name): clean_json(item) for name, item in value.items()}
    return value


def _joined(pair: str) -> str:
    return pair.encode("utf-16", "surrogatepass").decode("utf-16")
