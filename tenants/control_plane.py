"""The tables that platform staff administer, read from the models' row security."""

from functools import cache

from django.apps import apps
from django.db.models import Model

from tenants.rls import RowSecurity

_ACTIONS = ("view", "add", "change", "delete")


@cache
def platform_models() -> frozenset[type[Model]]:
    """The models whose rows platform staff's login may reach."""
    return frozenset(
        model
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, RowSecurity) and constraint.platform
    )


def _is_a_record(model: type[Model]) -> bool:
    """Whether rows of the model stay as they are once they are written."""
    return any(
        isinstance(constraint, RowSecurity) and "DELETE" not in constraint.platform_verbs
        for constraint in model._meta.constraints
    )


@cache
def platform_permissions() -> frozenset[str]:
    """What platform staff may do: everything in the control plane, and watch the jobs."""
    own = {
        f"{model._meta.app_label}.{action}_{model._meta.model_name}"
        for model in platform_models()
        for action in (["view"] if _is_a_record(model) else _ACTIONS)
    }
    watched = {
        f"{model._meta.app_label}.view_{model._meta.model_name}"
        for model in apps.get_models()
        if model._meta.label == "tenants.Permission" or model._meta.app_label == "procrastinate"
    }
    return frozenset(own | watched)
