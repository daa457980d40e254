"""Every field of the API that names another row, and what to put there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from config.tests.attempts.api import Way, fields_of
from config.tests.attempts.scene import model_named, random_id

# Whose id a plain UUID is, by serializer and field.
IDS = {
    "ReprocessSerializer.documents": "knowledge.Document",
    "SearchFilterSerializer.document": "knowledge.Document",
}
# Fields that narrow what is found: an unknown id finds nothing, and is no mistake.
NARROWING = {"ReprocessSerializer.documents", "SearchFilterSerializer.document"}

LONG = "x" * 100_000
NUL = "\x00"


@dataclass
class Reference:
    """A field of a way that names a row, or several; `path` leads to it in the body."""

    way: Way
    path: tuple[str, ...]
    model: Any
    is_many: bool
    by: str  # the field of the row that is sent
    is_narrowing: bool
    takes_null: bool

    def __str__(self) -> str:
        return f"{self.way.name} {'.'.join(self.path)}"

    @property
    def is_shared(self) -> bool:
        """Whether its rows are everybody's: the catalogue of permissions."""
        return not hasattr(self.model, "organization")

    def value(self, row: Any) -> Any:
        return str(getattr(row, self.by))

    def body(self, body: dict[str, Any], value: Any) -> dict[str, Any]:
        """The body with this value in its place."""
        *outer, last = self.path
        made = inner = {**body}
        for name in outer:
            inner[name] = {**inner.get(name, {})}
            inner = inner[name]
        inner[last] = value
        return made

    def random(self) -> str:
        return random_id()

    def malformed(self, own: str, *, encoding: str) -> Iterator[Any]:
        """What names no row at all, as the value of the whole field."""
        empty = [""] if not self.is_many and not self.takes_null else []
        if self.way.names and encoding != "json":
            empty = []  # nothing is said, then, and the body is refused as a whole
        if encoding != "json":
            # The multipart parser leaves out a zero, and what is left is an id.
            texts = ["no id", *([own + NUL] if encoding == "form" else []), *empty]
            yield from ([text] for text in texts) if self.is_many else texts
            return
        texts = ["no id", LONG, NUL, own + NUL, own[:-1], own + "0", "\ud800", *empty]
        wrong = [12345, -1, 10**40, 1.5, True, {}, {"id": own}, {own: own}, [], [own], [[own]]]
        if self.is_many:
            yield from ([one] for one in [*texts, *wrong, None])
            yield from (one for one in [*texts, *wrong] if one not in ([], [own]))
            yield [own, {}]
        else:
            yield from [*texts, *wrong, *([] if self.takes_null else [None])]


def references(way: Way) -> Iterator[Reference]:
    """The fields of a way that name rows, nested ones included."""
    yield from _within(way, way.serializer, ())


def _within(way: Way, serializer: Any, outer: tuple[str, ...]) -> Iterator[Reference]:
    for name, field in fields_of(serializer).items():
        path = (*outer, name)
        if isinstance(field, serializers.Serializer):
            yield from _within(way, field, path)
            continue
        is_many, inner = _inner(field)
        if isinstance(inner, serializers.Serializer):
            named = [*_within(way, inner, path)]
            assert not named, f"{way.name} {name}: references in lists are not tried yet."
            continue
        said = f"{type(serializer).__name__}.{name}"
        if isinstance(inner, serializers.RelatedField):
            model, by = inner.queryset.model, getattr(inner, "slug_field", "pk")
        elif isinstance(inner, serializers.UUIDField) or said in IDS:
            assert said in IDS, f"Whose id is {said}? Say it in bodies/references.py."
            model, by = model_named(IDS[said]), "pk"
        else:
            continue
        yield Reference(way, path, model, is_many, by, said in NARROWING, field.allow_null)


def _inner(field: Any) -> tuple[bool, Any]:
    if isinstance(field, serializers.ManyRelatedField):
        return True, field.child_relation
    if isinstance(field, serializers.ListField | serializers.ListSerializer):
        return True, field.child
    return False, field
