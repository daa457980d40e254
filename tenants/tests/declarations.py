"""Models in words, to compare with a copy of the design, and their constraints, to break them."""

from typing import Any

from django.apps import apps
from django.db import IntegrityError, models, transaction

from tenants.models.grant import Grant
from tenants.tests.sql import run


def described(model: Any) -> dict[str, str]:
    """Each field as "type(length) null blank = default", a foreign key by what it refers to."""
    return {field.name: _describe(field) for field in model._meta.concrete_fields}


def _describe(field: Any) -> str:
    if field.remote_field:
        words = [field.related_model._meta.label]
    else:
        length = f"({field.max_length})" if field.max_length else ""
        words = [type(field).__name__ + length]
    words += [word for word in ("null", "blank") if getattr(field, word)]
    if not field.remote_field and field.has_default():
        words.append(f"= {_default(field)}")
    return " ".join(words)


def _default(field: Any) -> str:
    default = field.default
    if callable(default) and default not in (dict, list):
        return default.__name__
    value = field.get_default()
    return repr(value.value if isinstance(value, models.Choices) else value)


def reverse_names(model: Any) -> dict[str, str]:
    """What refers to the model, by the name it has there."""
    return {
        relation.get_accessor_name(): relation.related_model._meta.label
        for relation in model._meta.get_fields()
        if relation.auto_created and not relation.concrete
    }


def columns(model: Any) -> dict[str, tuple[bool, int | None]]:
    """Whether NULL may stand in a column, and how long a text may be, as PostgreSQL has it."""
    found = run(
        "SELECT column_name, is_nullable = 'YES', character_maximum_length"
        " FROM information_schema.columns WHERE table_name = %s",
        [model._meta.db_table],
    )
    return {name: (nullable, length) for name, nullable, length in found}


def declared(label: str, kind: type) -> dict[str, tuple[Any, Any]]:
    """The constraints of an application's models by name, each with its model.

    Those of grants are tried all together, in `test_grant_tables`.
    """
    return {
        constraint.name: (model, constraint)
        for model in apps.get_app_config(label).get_models()
        if not issubclass(model, Grant)
        for constraint in model._meta.constraints
        if isinstance(constraint, kind)
    }


def breaks(name: str, action: Any) -> bool:
    """Whether the action is refused by that constraint, and by no other."""
    try:
        with transaction.atomic():
            action()
            transaction.set_rollback(True)
    except IntegrityError as error:
        found = error.__cause__.diag.constraint_name  # type: ignore[union-attr]
        assert found == name, found
        return True
    return False
