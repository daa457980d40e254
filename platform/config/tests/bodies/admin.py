"""Complaints about the references of the admin's forms, of their inlines and of actions."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Permission as NamedPermission

from config.tests.attempts.asking import Answer
from config.tests.attempts.browsing import Browser, companions, may_names
from config.tests.attempts.scene import SHARED, Scene, random_id
from tenants.admin.testing import page
from tenants.grants import tables
from tenants.models import Project
from tenants.models.grant import Grant

MALFORMED = ["no id", "\x00", "x" * 5000, "1"]
# The row of each model whose form an owner can send back as it is, where that is not "own".
ROWS = {"tenants.User": "nobody", "tenants.Role": "empty", "tenants.Project": "joined"}

_TAKEN_BACK = {"-ProjectMember"} | {
    f"-{table._meta.object_name}" for model in SHARED for table in tables(model)
}
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|[\w-]*nonce[\w-]*="[^"]*"')


def form_complaints(scene: Scene, model: Any, *, is_new: bool) -> Iterator[str]:
    """Each field that names a row, and each of an inline, with what it must not name."""
    row = None if is_new else scene.row(model, ROWS.get(model._meta.label, "own"))
    if row is None and not is_new:
        return
    browser = Browser(scene, "owner", model, row)
    for name, field in browser.fields.items():
        if isinstance(field, forms.ModelChoiceField):
            yield from _tried(browser, name, field, {})
    for formset in browser.inlines:
        number = int(browser.base[f"{formset.prefix}-TOTAL_FORMS"])
        beside = {
            f"{formset.prefix}-{number}-{name}": value
            for name, value in companions(scene, formset.model).items()
        }
        if issubclass(formset.model, Grant):  # to view it is granted already
            change = may_names(model)[f"change_{model._meta.model_name}"]
            beside[f"{formset.prefix}-{number}-permission"] = change
        beside[f"{formset.prefix}-TOTAL_FORMS"] = str(number + 1)
        for name, field in formset.empty_form.fields.items():
            if isinstance(field, forms.ModelChoiceField) and name != formset.model._meta.pk.name:
                yield from _tried(browser, f"{formset.prefix}-{number}-{name}", field, beside)
        if formset.initial_form_count() and (
            model is Project or not issubclass(formset.model, Grant)
        ):
            yield from _hidden_complaints(browser, formset)


def _tried(browser: Browser, name: str, field: Any, along: dict[str, Any]) -> Iterator[str]:
    is_many = isinstance(field, forms.ModelMultipleChoiceField)
    model, scene, where = field.queryset.model, browser.scene, f"{browser.url} {name}"

    def sent(value: str) -> Answer:
        answer = browser.post(browser.base | along | {name: [value] if is_many else value}, value)
        answer.body = _TOKEN.sub("", answer.body)
        return answer

    if model is NamedPermission:
        yield from _permission_complaints(where, field, sent)
        return
    own = sent(str(scene.row(model, "own").pk))
    if own.status != 302 or not own.facts:
        yield f"{where}: its own is refused: {own.status}"
    unknown = sent(random_id())
    for label in ("other", "deleted"):
        row = scene.row(model, label)
        if row is None:
            continue
        answer = sent(str(row.pk))
        if (answer.status, answer.body) != (unknown.status, unknown.body) or answer.facts:
            yield f"{where}: {label} is told from a random id, or writes {answer.facts}"
    for value in [random_id(), *MALFORMED]:
        answer = sent(value)
        if answer.status not in (200, 400) or answer.facts:
            yield f"{where}: {value[:50]!r} is answered {answer.status} and writes {answer.facts}"


def _permission_complaints(where: str, field: Any, sent: Any) -> Iterator[str]:
    """What is granted is one of few actions, named by Django's ids."""
    if not sent(str(field.queryset.last().pk)).facts:
        yield f"{where}: its own is refused"
    others = NamedPermission.objects.exclude(pk__in=field.queryset)
    for value in [*(str(one.pk) for one in others.order_by("pk")[::40]), "0", "9" * 30, *MALFORMED]:
        answer = sent(value)
        if answer.status not in (200, 400) or answer.facts:
            yield f"{where}: {value[:50]!r} is answered {answer.status} and writes {answer.facts}"


def _hidden_complaints(browser: Browser, formset: Any) -> Iterator[str]:
    """A row of an inline is named by two hidden fields: itself, and what it is a part of."""
    model = formset.model
    for name, of in ((model._meta.pk.name, model), (formset.fk.name, formset.fk.related_model)):
        rows = [browser.scene.row(of, label) for label in ("own", "other")]
        for value in [*(str(row.pk) for row in rows if row), random_id(), *MALFORMED[:2]]:
            for deletes in (True, False)[: 2 if of is model else 1]:
                data = {f"{formset.prefix}-0-{name}": value, f"{formset.prefix}-0-DELETE": deletes}
                answer = browser.post(browser.base | data)
                changed = {fact for fact, _ in answer.facts} - {"Project.member_count"}
                if answer.status >= 500 or changed - _TAKEN_BACK:
                    yield f"{browser.url} {name}: {value[:50]!r}: {answer.status} {answer.facts}"


def action_complaints(scene: Scene, model: Any) -> Iterator[str]:
    """Actions on rows that are not there, or on no rows at all."""
    model_admin = admin.site._registry[model]
    browser = Browser(scene, "owner", model)
    other = scene.row(model, "other")
    for name in ["delete_selected", *(str(one) for one in model_admin.actions or ())]:
        for value in [*([str(other.pk)] if other else []), random_id(), *MALFORMED]:
            data = {"action": name, "_selected_action": value, "post": "yes"}
            answer = browser.post(data, url=page(model, "changelist"))
            if answer.status >= 500 or answer.facts:
                yield f"{model.__name__} {name}: {value[:50]!r}: {answer.status} {answer.facts}"


def address_complaints(scene: Scene, model: Any) -> Iterator[str]:
    """What popups and the pages of a row are told in the address."""
    browser = Browser(scene, "owner", model)
    for query in ("?_popup=1&_to_field=password", "?_popup=no&_to_field=id", "?_to_field=%20"):
        answer = browser.post(browser.base, url=browser.url + query)
        if answer.status >= 500:
            yield f"{browser.url}{query}: {answer.status}"
    for value in ("no-id", "_00", "_", "x" * 500):
        for view in ("change", "delete"):
            answer = browser.post({"post": "yes"}, url=page(model, view, value))
            if answer.status >= 500 or answer.facts:
                yield f"{view} {value[:20]} of {model.__name__}: {answer.status} {answer.facts}"
