"""Which documents a search may draw on, as the part of its statement that Django writes.

The condition is that of `visible_to`, as everywhere. Writing it takes Django longer than PostgreSQL
searches, so it is written once in a process for each kind of asker: what they have rights to, and
what they ask for. A kind holds no id. The queryset is made for a stand-in whose id, like whatever
else is of one person, project or search, is `Given`: a place, filled in at each search.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import F
from django.db.models.expressions import Expression, Func

from knowledge.models import Document, DocumentQuerySet
from tenants.context import current_organization_id
from tenants.grants import EVERYTHING
from tenants.models import Project, User

KINDS_KEPT = 1_000  # of 6 kB or so

_COLUMNS = ("id", "chunk_count", "lexeme_count", "place")
# What a kept text may hold in itself: the names of states, yes and no. Never an id.
_CONSTANTS = (str, bool, int)


@dataclass(frozen=True)
class SearchFilters:
    """What must hold for a document; None asks nothing. `metadata` must be contained in its own."""

    document: Sequence[UUID] | None = None
    file_type: Sequence[str] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: dict[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """What is asked, by name, as PostgreSQL is given it."""
        asked = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("document", "file_type"):
            if asked[name] is not None:
                asked[name] = list(asked[name])
        if self.metadata is not None:
            asked["metadata"] = connection.ops.adapt_json_value(self.metadata, None)
        return {name: value for name, value in asked.items() if value is not None}


class Given(Expression):
    """A value that comes with the search: its own parameter in the text that is kept."""

    def __init__(self, name: str, field: type[models.Field] = models.UUIDField) -> None:
        super().__init__(output_field=field())
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class _IsAmong(Func):
    """A column and an array."""

    template = "%(expressions)s"
    arg_joiner = " = ANY "
    output_field = models.BooleanField()

    def __init__(self, column: str, values: Given) -> None:
        super().__init__(F(column), Func(values, function="", output_field=values.output_field))


_FILTERS: Mapping[str, Any] = {
    "document": _IsAmong("pk", Given("document")),
    "file_type": _IsAmong("file_type", Given("file_type", models.CharField)),
    "created_after": models.Q(created_at__gte=Given("created_after", models.DateTimeField)),
    "created_before": models.Q(created_at__lt=Given("created_before", models.DateTimeField)),
    "metadata": models.Q(metadata__contains=Given("metadata", models.JSONField)),
}


@dataclass(frozen=True)
class Asker:
    """Stands for whoever has these rights, where a condition is made for a user. It answers what
    conditions ask of one; whatever else they come to ask is an AttributeError, not a guess."""

    permissions: frozenset[str]
    is_active: bool
    is_anonymous: bool
    is_platform_staff: bool
    token_scopes: frozenset[str]

    pk = Given("user")

    @classmethod
    def of(cls, user: User) -> "Asker":
        return cls(
            frozenset(user.get_all_permissions()),
            is_active=user.is_active,
            is_anonymous=user.is_anonymous,
            is_platform_staff=user.is_platform_staff,
            token_scopes=frozenset(getattr(user, "token_scopes", None) or ()),
        )

    def has_perm(self, name: str) -> bool:
        return self.is_active and name in self.permissions


@dataclass(frozen=True)
class Visible:
    """The SELECT of the documents a search may draw on, and its parameters by name. `is_all`: they
    are all that the organization can search."""

    sql: str
    parameters: dict[str, Any]
    is_all: bool


def visible(user: User, *, project: Project | None, filters: SearchFilters) -> Visible | None:
    """What a user may find, in a project and by filters if any; None when that is nothing."""
    organization_id, given = current_organization_id(), filters.given()
    kept = _written(
        Asker.of(user),
        in_project=project is not None,
        filters=tuple(given),
        in_organization=organization_id is not None,
    )
    if kept is None:
        return None
    values = given | {
        "user": user.pk,
        "project": project and project.pk,
        "organization": organization_id,
    }
    parameters = {f"visible_{name}": values[name] for name in kept.names}
    return Visible(kept.sql, parameters | kept.constants, kept.is_all)


@dataclass(frozen=True)
class _Kept:
    sql: str
    names: frozenset[str]  # of what is given
    constants: dict[str, Any]
    is_all: bool


@lru_cache(KINDS_KEPT)
def _written(
    asker: Any, *, in_project: bool, filters: tuple[str, ...], in_organization: bool
) -> _Kept | None:
    documents: DocumentQuerySet = Document.objects.visible_to(asker).searchable()
    if in_project:
        documents = documents.at_hand_in(Given("project"), asker)
    documents = documents.filter(*(_FILTERS[name] for name in filters)).order_by()
    try:
        text, values = documents.values(*_COLUMNS).query.sql_with_params()
    except EmptyResultSet:
        return None
    named = [_named(number, value) for number, value in enumerate(values)]
    places = iter(named)
    return _Kept(
        re.sub("%s", lambda _: f"%(visible_{next(places)[0]})s", text),
        names=frozenset(name for name, value in named if value is None),
        constants={f"visible_{name}": value for name, value in named if value is not None},
        is_all=not (in_project or filters) and Document.objects.reach(asker) is EVERYTHING,
    )


def _named(number: int, value: Any) -> tuple[str, Any]:
    """The name of a parameter; and its value, if that is the same at each search."""
    if isinstance(value, Given):
        return value.name, None
    if value is current_organization_id():
        return "organization", None
    if isinstance(value, _CONSTANTS):
        return str(number), value
    raise TypeError(f"{value!r} would be kept for everybody who searches.")
