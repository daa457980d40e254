"""Complaints about the references of the admin's forms, of their inlines and of actions."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin

from config.tests.attempts.asking import Answer
from config.tests.attempts.browsing import Browser
from config.tests.attempts.scene import Scene, random_id
from tenants.admin.testing import page

MALFORMED = ["no id", "\x00", "x" * 5000, "1", "{}", "00000000-0000-0000-0000-00000000000g"]
# The row of each model whose form an owner can send back as it is, where that is not "own".
ROWS = {"tenants.User": "nobody", "tenants.Role": "empty", "tenants.Project": "joined"}

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
        total = {f"{formset.prefix}-TOTAL_FORMS": number + 1}
        for name, field in formset.empty_form.fields.items():
            if isinstance(field, forms.ModelChoiceField) and name != formset.model._meta.pk.name:
                yield from _tried(browser, f"{formset.prefix}-{number}-{name}", field, total)
        if formset.initial_form_count():
            yield from _hidden_complaints(browser, formset)


def _tried(browser: Browser, name: str, field: Any, along: dict[str, Any]) -> Iterator[str]:
    is_many = isinstance(field, forms.ModelMultipleChoiceField)
    model, scene, where = field.queryset.model, browser.scene, f"{browser.url} {name}"

    def sent(value: str) -> Answer:
        answer = browser.post(browser.base | along | {name: [value] if is_many else value}, value)
        answer.body = _TOKEN.sub("", answer.body)
        return answer

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


def _hidden_complaints(browser: Browser, formset: Any) -> Iterator[str]:
    """A row of an inline is named by two hidden fields: itself, and what it is a part of."""
    model = formset.model
    for name, of in ((model._meta.pk.name, model), (formset.fk.name, formset.fk.related_model)):
        rows = [browser.scene.row(of, label) for label in ("own", "other")]
        for value in [*(str(row.pk) for row in rows if row), random_id(), *MALFORMED]:
            for deletes in (True, False):
                data = {f"{formset.prefix}-0-{name}": value, f"{formset.prefix}-0-DELETE": deletes}
                answer = browser.post(browser.base | data)
                changed = {fact for fact, _ in answer.facts} - {"Project.member_count"}
                if answer.status >= 500 or changed - {"-ProjectMember"}:
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
