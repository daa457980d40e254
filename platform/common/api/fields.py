"""Serializer fields for what PostgreSQL can hold and HTML forms can say."""

from math import isfinite
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

_MAX_DEPTH = 16


@extend_schema_field({"type": "object", "additionalProperties": True})
class JSONObjectField(serializers.JSONField):
    """A JSON object that PostgreSQL can store; in a form, its text."""

    default_error_messages = {
        "object": "This must be a JSON object.",
        "storable": "This holds something that cannot be stored.",
        "deep": f"This is nested more than {_MAX_DEPTH} deep.",
    }

    def __init__(self, **kwargs: Any):
        super().__init__(**{"initial": dict} | kwargs)

    def get_value(self, dictionary: Any) -> Any:
        value = super().get_value(dictionary)
        return empty if value == "" else value  # a form's empty field says nothing

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            value = super().to_internal_value(data)
        except RecursionError:
            self.fail("deep")
        if not isinstance(value, dict):
            self.fail("object")
        self._check(value, depth=1)
        return value

    def _check(self, value: Any, depth: int) -> None:
        """Refuse NUL, halves of a character, infinite numbers and deep nesting."""
        if depth > _MAX_DEPTH:
            self.fail("deep")
        if isinstance(value, dict):
            for name, inner in value.items():
                self._check(name, depth)
                self._check(inner, depth + 1)
        elif isinstance(value, list):
            for inner in value:
                self._check(inner, depth + 1)
        elif not _is_storable(value):
            self.fail("storable")


class FlagField(serializers.BooleanField):
    """A boolean that keeps its default when a form leaves it out, as programs do.

    Browsers leave out an unticked box: the template sends a "false" ahead of it.
    """

    default_empty_html = empty

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("style", {"base_template": "flag.html"})
        kwargs.setdefault("initial", kwargs.get("default", False))
        super().__init__(**kwargs)


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
    return not isinstance(value, float) or isfinite(value)
