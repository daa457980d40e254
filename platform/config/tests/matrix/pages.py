"""The pages that the admin has of every model: who is answered, and what a form is filled with."""

from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib.admin import helpers

from config.tests.matrix.bodies import Asked, File, Ref
from config.tests.matrix.patterns import Pattern
from tenants.testing import PASSWORD


@dataclass(frozen=True)
class Pages:
    """What an organization's owner, and what platform staff may do with a model's rows.

    Some of the letters v (view), a (add), c (change) and d (delete).
    """

    owner: str
    staff: str


MODELS = {
    "agents.AgentConfig": Pages("vacd", "vacd"),
    "agents.AgentVersion": Pages("v", "v"),
    "agents.Budget": Pages("vacd", "vacd"),
    "agents.Conversation": Pages("v", ""),
    "agents.ModelProvider": Pages("vacd", "vacd"),
    "agents.UsageRecord": Pages("v", "v"),
    "knowledge.Document": Pages("vacd", ""),
    "procrastinate.ProcrastinateJob": Pages("", "v"),
    "tenants.AccessToken": Pages("vd", "vd"),
    "tenants.AuditEntry": Pages("v", "v"),
    "tenants.Organization": Pages("vc", "vacd"),
    "tenants.Permission": Pages("v", "v"),
    "tenants.Project": Pages("vacd", "vacd"),
    "tenants.Role": Pages("vacd", "vacd"),
    "tenants.StaffAccess": Pages("v", "v"),
    "tenants.User": Pages("vacd", "vacd"),
}
TELL_OF_DELETED = {"tenants.AuditEntry"}  # pages that go on naming what was deleted
NAMES_OF_RIGHTS = "auth.Permission"  # Django's, which belong to nobody
# What the generic filling of a new row's form cannot know, by model and field.
FILLED: dict[str, dict[str, Any]] = {
    "tenants.User": {"password1": PASSWORD, "password2": PASSWORD},
}

_NEEDED = {
    "changelist": ("v", "v"),
    "add": ("a", "a"),
    "change": ("v", "c"),
    "delete": ("d", "d"),
    "history": ("-", "-"),
}


def entries(pattern: Pattern) -> dict[str, Asked]:
    model, page = pattern.page or (None, "")
    label = model._meta.label
    if label not in MODELS:
        raise AssertionError(
            f"The admin of {label} is not listed: say in config/tests/matrix/pages.py, "
            f"MODELS[{label!r}], what an organization's owner and platform staff may do there."
        )
    if page == "redirect":  # to the page of the row, whoever it is that asks
        return {method: Asked(staff=True) for method in ("GET", "POST")}
    seen, done = (_asked(label, need) for need in _NEEDED[page])
    bodies = {"changelist": _delete_selected(label), "delete": {"post": "yes"}}
    return {
        "GET": seen,
        "POST": replace(done, body=bodies.get(page), kind="page"),
    }


def _asked(label: str, need: str) -> Asked:
    may = MODELS[label]
    return Asked(
        "owner" if need in may.owner else "nobody",
        staff=need in may.staff,
        tells_of_deleted=label in TELL_OF_DELETED,
    )


def _delete_selected(label: str) -> dict[str, Any]:
    return {
        "action": "delete_selected",
        "index": "0",
        "select_across": "0",
        helpers.ACTION_CHECKBOX_NAME: [Ref(label)],
    }


def filled_in(shown: Any, label: str) -> dict[str, Any]:
    """What somebody sends back of a form that they were shown, with what is missing filled in."""
    bound = [field for form in _forms(shown) for field in form]
    known = FILLED.get(label, {})
    body = {field.html_name: _sent(field, known.get(field.name)) for field in bound}
    for inline in shown.context["inline_admin_formsets"]:
        body |= {field.html_name: _sent(field) for field in inline.formset.management_form}
    return {name: value for name, value in body.items() if value is not None}


def _forms(shown: Any) -> list[Any]:
    inlines = shown.context["inline_admin_formsets"]
    return [
        shown.context["adminform"].form,
        *(form for inline in inlines for form in inline.formset.initial_forms),
    ]


def _sent(bound: Any, known: Any = None) -> Any:
    if isinstance(bound.field, forms.ModelMultipleChoiceField):
        return [Ref(bound.field.queryset.model._meta.label)]
    if isinstance(bound.field, forms.ModelChoiceField) and not bound.is_hidden:
        label = bound.field.queryset.model._meta.label
        return bound.value() if label == NAMES_OF_RIGHTS else Ref(label)
    value = bound.value() if known is None else known
    if value in (None, "", []) and bound.field.required:
        value = _made_up(bound)
    if isinstance(value, bool):
        return "on" if value else None
    if isinstance(bound.field, forms.FileField) and not isinstance(value, File):
        return None
    return "" if value is None else value


def _made_up(bound: Any) -> Any:
    match bound.field:
        case forms.ChoiceField():
            return next(str(value) for value, _ in bound.field.choices if value)
        case forms.EmailField():
            return "newcomer@example.test"
        case forms.FileField():
            return File()
        case forms.IntegerField() | forms.FloatField():
            return 1
    return "newcomer"
