"""What refers to what, read from the models: a table that is added is found by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import QuerySet

from common.models import Entity
from tenants.models import Organization


@dataclass(frozen=True)
class Reference:
    """A foreign key of `model`, named `name`."""

    model: Any
    name: str

    @property
    def field(self) -> Any:
        return self.model._meta.get_field(self.name)

    @property
    def belongs(self) -> bool:
        """Whether a row goes with the one that it refers to."""
        return self.field.remote_field.on_delete.__name__ == "CASCADE"

    def rows(self, keys: Iterable[Any]) -> QuerySet:
        """The rows that refer to one of these."""
        return self.model._base_manager.filter(**{f"{self.name}__in": list(keys)})


@cache
def references_to(model: Any) -> tuple[Reference, ...]:
    """The foreign keys that refer to rows of a model."""
    return tuple(
        Reference(relation.related_model, relation.field.name)
        for relation in model._meta.get_fields(include_hidden=True)
        if relation.auto_created
        and not relation.concrete
        and (relation.one_to_many or relation.one_to_one)
        and relation.related_model._meta.managed
        and not _outlives(relation.field)
    )


@cache
def models_of_organizations() -> tuple[Any, ...]:
    """The models whose rows belong to organizations, those referred to before those that refer."""
    ordered: list[Any] = []
    found: set[Any] = set()

    def visit(model: Any) -> None:
        if model in found:
            return
        found.add(model)
        for field in model._meta.concrete_fields:
            if field.remote_field and _belongs_to_organizations(field.related_model):
                visit(field.related_model)
        ordered.append(model)

    for model in apps.get_models(include_auto_created=True):
        if _belongs_to_organizations(model):
            visit(model)
    return tuple(ordered)


def is_leaf(model: Any) -> bool:
    """Whether nothing refers to rows of the model, and they are not deleted by themselves."""
    return not issubclass(model, Entity) and not references_to(model)


def owners_of(model: Any) -> list[Any]:
    """The foreign keys of a model but for the organization's."""
    fields = model._meta.concrete_fields
    return [field for field in fields if field.remote_field and field.name != "organization"]


def _belongs_to_organizations(model: Any) -> bool:
    return (
        model is not Organization
        and model._meta.managed
        and not model._meta.proxy
        and any(
            field.name == "organization" and not _outlives(field)
            for field in model._meta.concrete_fields
        )
    )


def _outlives(field: Any) -> bool:
    """Whether rows stay when what they name is gone, as those of the audit trail do."""
    return field.remote_field.on_delete.__name__ == "DO_NOTHING"
