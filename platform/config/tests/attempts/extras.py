"""What nobody may write, sent along with what they may: every column of every model of ours."""

from functools import cache
from typing import Any

from django.apps import apps

from config.tests.attempts.samples import changes_for, sample
from config.tests.attempts.scene import Scene
from tenants.checks import OWN_APPS

# Beside the columns: what other frameworks, or a careless serializer, would listen to.
ALIASES = {
    "pk": "00000000-0000-0000-0000-000000000007",
    "user_permissions": ["tenants.change_user"],
    "groups": [1],
    "is_admin": True,
    "is_built_in": True,
    "is_platform_staff": True,
    "version": 7,
    "owner": "00000000-0000-0000-0000-000000000007",
    "created_by": "00000000-0000-0000-0000-000000000007",
    "quotas": {"users": {"limit": 1000}},
    "_state": {},
    "__class__": "x",
}


@cache
def own_models() -> list[Any]:
    return [model for model in apps.get_models() if model._meta.app_label in OWN_APPS]


@cache
def extras(scene: Scene, model: Any, actor: str) -> dict[str, Any]:
    """A value for every name of a column, a relation or an alias; those of `model` come first."""
    found = dict(ALIASES)
    for other in [*(one for one in own_models() if one is not model), *filter(None, [model])]:
        for field in [*other._meta.concrete_fields, *other._meta.many_to_many]:
            value = _value(field, scene, actor)
            found[field.name] = value
            if field.remote_field and not field.many_to_many:
                found[field.attname] = value
        for relation in other._meta.related_objects:
            if name := relation.get_accessor_name():
                found[name] = []
    return found


def _value(field: Any, scene: Scene, actor: str) -> Any:
    if not (field.remote_field or field.many_to_many):
        return sample(field)
    if field.related_model._meta.label == "tenants.Organization":
        return str(scene.globex.pk)
    tried = dict(changes_for(field, scene, actor))
    return tried.get("all") or tried.get("owner") or tried.get("own")
