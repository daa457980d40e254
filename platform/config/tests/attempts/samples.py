"""Bodies that are taken, and values to change rows by: guessed, or said here where none can be."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from rest_framework import serializers

from common.api.fields import JSONObjectField
from config.tests.attempts.api import Way, fields_of
from config.tests.attempts.facts import PASSWORDS
from knowledge.tests.zips import packed
from tenants.mails import email_tokens, password_tokens, uid_of
from tenants.models import Permission
from tenants.permissions import Permissions
from tenants.testing import PASSWORD


class Row(NamedTuple):
    """The id of a row of the scene."""

    label: str
    name: str


class Link(NamedTuple):
    """A part of a link that is mailed to nobody: its token, or whose it is."""

    tokens: Any


class Archive(NamedTuple):
    """A ZIP archive of files by path."""

    files: dict[str, bytes]


SHARED = ("projects/{project_pk}", "agents/{agent_pk}", "documents/{document_pk}")

# What no rule can guess of a body, by way and field.
FIELDS: dict[str, dict[str, Any]] = {
    "POST auth/login/": {"login": "acme-viewer", "password": PASSWORD},
    "POST auth/password/change/": {"old": PASSWORD, "new": PASSWORDS[1]},
    "POST auth/password/reset/confirm/": {
        "uid": Link(None),
        "token": Link(password_tokens),
        "password": PASSWORDS[1],
    },
    "POST auth/email/verify/confirm/": {"uid": Link(None), "token": Link(email_tokens)},
    **{f"POST {path}/grants/ user": {"user": Row("tenants.User", "nobody")} for path in SHARED},
    **{f"POST {path}/grants/ role": {"role": Row("tenants.Role", "empty")} for path in SHARED},
    "POST users/": {"username": "new-person", "password": PASSWORDS[0]},
    "POST budgets/": {"unit": "money", "currency": "USD"},
    "POST agents/": {
        "agent_type": "doc",
        "system_prompt": "new",
        "model_name": "extractive",
    },
    "POST documents/import/": {"file": Archive({"new.md": b"# New\n\nSomething to read.\n"})},
    "POST search/": {"mode": "text"},
    "POST documents/reprocess/": {"status": "failed"},
    "POST conversations/": {
        "agent": Row("agents.AgentConfig", "shared"),
        "project": Row("tenants.Project", "joined"),
    },
}

# Which row the path of a way names so that it can succeed, where that is not "own".
TARGETS = {
    "POST projects/{project_pk}/members/": "joined",
    "DELETE projects/{project_pk}/members/{user_id}/": "joined",
    **dict.fromkeys(
        (
            f"POST {rows}/{{pk}}/restore/"
            for rows in ("users", "roles", "projects", "agents", "providers", "budgets")
        ),
        "deleted",
    ),
    "POST documents/{pk}/restore/": "deleted",
    "POST conversations/{pk}/restore/": "mine-deleted",
    "DELETE tokens/{pk}/": "mine",
    "PATCH conversations/{pk}/": "mine",
    "DELETE conversations/{pk}/": "mine",
    "POST conversations/{conversation_pk}/messages/": "mine",
    **{
        f"{way} conversations/{{conversation_pk}}/messages/{{pk}}/{what}/": "mine"
        for way, what in (
            ("POST", "stop"),
            ("POST", "regenerate"),
            ("POST", "feedback"),
            ("DELETE", "feedback"),
        )
    },
    "PATCH roles/{pk}/": "empty",
    "DELETE roles/{pk}/": "empty",
    "PATCH users/{pk}/": "nobody",
    "DELETE users/{pk}/": "nobody",
}


def body_of(way: Way, scene: Any) -> dict[str, Any]:
    """What a way takes, and no more than it must be told. A PATCH says nothing."""
    if way.method == "PATCH":
        return {}
    said = FIELDS.get(way.name, {})
    return {
        name: _said(said[name], scene) if name in said else value_for(field, scene)
        for name, field in fields_of(way.serializer).items()
        if field.required or name in said
    }


def _said(value: Any, scene: Any) -> Any:
    match value:
        case Row():
            return str(scene.rows[value.label][value.name].pk)
        case Link():
            person = scene.rows["tenants.User"]["nobody"]
            return value.tokens.make_token(person) if value.tokens else uid_of(person)
        case Archive():
            return SimpleUploadedFile("new.zip", packed(value.files))
    return value


def ids_of(way: Way, scene: Any, actor: str, **names: str) -> dict[str, Any] | None:
    """The ids for the path: of the rows so called, or of those with which the way succeeds.

    None when there is no such row.
    """
    found = {}
    for parameter, (model, lookup) in way.parameters().items():
        name = names.get(parameter) or TARGETS.get(way.name, "own")
        row = scene.row(model, name, actor) or (
            None if parameter in names else scene.row(model, "own", actor)
        )
        if row is None:
            return None
        found[parameter] = getattr(row, lookup)
    return found


def value_for(field: Any, scene: Any) -> Any:
    """Something that a field of a serializer takes."""
    match field:
        case serializers.ManyRelatedField():
            return []
        case serializers.PrimaryKeyRelatedField():
            return str(scene.row(field.queryset.model, "own").pk)
        case serializers.ListField() | serializers.ListSerializer():
            return []
        case JSONObjectField() | serializers.DictField():
            return {}
        case serializers.EmailField():
            return "new@acme.test"
        case serializers.SlugField():
            return "new-slug"
        case serializers.ChoiceField():
            return next(iter(field.choices))
        case serializers.BooleanField():
            return True
        case serializers.IntegerField() | serializers.FloatField():
            return field.min_value or 1
        case serializers.DecimalField():
            return "5"
        case serializers.DateTimeField():
            return "2030-01-01T00:00:00Z"
        case serializers.FileField():
            return SimpleUploadedFile("new.md", b"# New\n\nSomething to read.\n")
        case serializers.CharField():
            return "new"
        case serializers.Serializer():
            return {
                name: value_for(inner, scene)
                for name, inner in fields_of(field).items()
                if inner.required
            }
    raise AssertionError(f"What does a {field!r} take? Say it in attempts/samples.py.")


class Missing(AssertionError):
    """A new kind of field for which nobody has said a value."""


def changes_for(field: Any, scene: Any, actor: str, kind: str = "") -> Iterator[tuple[str, Any]]:
    """Values to try for a field of a model, each with a label; only relations have several.

    References are of every row in the scene that the field could name.
    """
    if field.many_to_many or field.remote_field:
        model = field.related_model
        if model is Permission:
            yield from _permissions(many=field.many_to_many)
            return
        if field.many_to_many or field.null:
            yield "none", [] if field.many_to_many else None
        for name in scene.names(model, actor):
            pk = str(scene.row(model, name, actor).pk)
            yield name, [pk] if field.many_to_many else pk
        return
    yield "", sample(field)


def sent_changes(way: Way, name: str, field: Any, scene: Any, actor: str) -> Iterator[tuple]:
    """Values for a field of a body, each with a label: as its column takes them, if it has one."""
    columns = [*way.model._meta.concrete_fields, *way.model._meta.many_to_many] if way.model else []
    column = {column.name: column for column in columns}.get(name)
    if column is not None:
        yield from changes_for(column, scene, actor)
    elif isinstance(field, serializers.RelatedField):
        for label in scene.names(field.queryset.model, actor):
            yield label, str(scene.row(field.queryset.model, label, actor).pk)
    elif isinstance(field, serializers.FileField):
        yield "", SimpleUploadedFile("changed.md", b"# Changed\n\nSomething else.\n")
    elif name == "password":
        yield "", PASSWORDS[1]
    elif isinstance(field, serializers.ChoiceField):
        yield "", list(field.choices)[-1]
    elif isinstance(field, serializers.CharField):
        yield "", "changed"
    else:
        yield "", value_for(field, scene)


def _permissions(*, many: bool) -> Iterator[tuple[str, Any]]:
    for label, names in {
        "none": [],
        "users": [Permissions.USERS_CHANGE.value],
        "roles": [Permissions.ROLES_CHANGE.value],
        "all": Permissions.values,
    }.items():
        yield label, names if many else next(iter(names), None)


# Of columns whose kind does not say what they take.
_NAMED = {
    "password": PASSWORDS[1],
    "base_url": "https://changed.test/v1",
    "models": [{"name": "changed"}],
    "currency": "EUR",
    "model_name": "gpt-changed",
    "fallback_model": "gpt-else",
    "tools": ["calculate"],
}


def sample(field: Any) -> Any:
    """A value for a column, as JSON says it, that no row of the scene has."""
    if field.name in _NAMED:
        return _NAMED[field.name]
    if field.choices:
        return [value for value, _ in field.choices][-1]
    match field:
        case models.BooleanField():
            return field.get_default() is not True
        case models.EmailField():
            return "changed@acme.test"
        case models.URLField():
            return "https://changed.test/"
        case models.JSONField():
            return ["changed"] if field.get_default() == [] else {"changed": True}
        case models.FileField():
            return SimpleUploadedFile("changed.md", b"# Changed\n\nSomething else.\n")
        case models.CharField() | models.TextField():
            return "changed"
        case models.IntegerField():
            return 7
        case models.FloatField():
            return 1.5
        case models.DecimalField():
            return "7"
        case models.DateTimeField():
            return "2031-01-01T00:00:00Z"
        case models.DateField():
            return "2031-01-01"
        case models.UUIDField():
            return str(UUID(int=7))
        case ArrayField():
            return [7]
    if field.get_internal_type() in ("VectorField", "HalfVectorField"):
        return [0.25] * 384
    if isinstance(field, models.GeneratedField):
        return str(UUID(int=7))
    raise Missing(f"What could {field} become? Say it in attempts/samples.py.")
