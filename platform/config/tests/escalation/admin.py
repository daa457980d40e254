"""What somebody achieves in the admin: its forms, its inlines, its actions and its other pages."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Permission as NamedPermission
from django.urls import NoReverseMatch, reverse

from common.models import Entity
from config.tests.attempts.browsing import (
    LIKE_OTHERS,
    Browser,
    companions,
    may_names,
    registered,
)
from config.tests.attempts.facts import PASSWORDS, difference
from config.tests.attempts.samples import changes_for, sample
from config.tests.attempts.scene import Scene
from config.tests.escalation.judging import Achieved
from config.tests.escalation.telling import Changes, all_of, is_of_globex, told, what_fields_do
from tenants.admin.testing import page
from tenants.admin.trash import DELETED, PARAMETER
from tenants.models.grant import Grant

ALIKE = {"agents.AgentConfig": {"shared", "unjoined"}, "tenants.Role": {"people", "wide"}}

# The pages that every admin has, which are tried one by one.
STANDARD = {"changelist", "add", "change", "delete", "history"}


def achieved(scene: Scene, actor: str, models: list[Any] | None = None) -> Iterator[Achieved]:
    for model in models or registered():
        rows = _targets(scene, model, actor) if model._meta.label in scene.rows else []
        for what in _form(Browser(scene, actor, model)):
            if not (actor == "foreigner" and is_of_globex(what)):
                yield Achieved(actor, f"add {model.__name__}", "", what)
        for name in rows:
            browser = Browser(scene, actor, model, scene.row(model, name, actor))
            for way, what in _row(browser):
                yield Achieved(actor, f"{way} {model.__name__}", name, what)


def _targets(scene: Scene, model: Any, actor: str) -> list[str]:
    """Rows of which no form treats one in another way than the next are tried once.

    Who does not come in at all is refused before a row is looked for.
    """
    names = scene.targets(model, actor)
    if actor in ("boss", "deactivated", "anonymous"):
        return names[:1]
    alike = ALIKE.get(model._meta.label, set()) if actor not in ("people", "roles") else set()
    return [name for name in names if name not in alike]


def _row(browser: Browser) -> Iterator[tuple[str, str]]:
    """All that can be done to one row, each with its way."""
    model, pk = browser.model, browser.row.pk
    for what in [*_form(browser), *_inlines(browser)]:
        yield "change", what
    for what in _done(browser, page(model, "delete", pk), {"post": "yes"}):
        yield "delete", what
    listed = page(model, "changelist")
    for name in _actions(model):
        selected = {"action": name, "_selected_action": str(pk), "post": "yes", "index": "0"}
        for what in _done(browser, listed, selected):
            yield name, what
    if issubclass(model, Entity):
        selected = {"action": "restore", "_selected_action": str(pk), "index": "0"}
        for what in _done(browser, f"{listed}?{PARAMETER}={DELETED}", selected):
            yield "restore", what
    for name in admin.site._registry[model].actions_submit_line or ():
        if browser.base:
            button = f"{model._meta.app_label}_{model._meta.model_name}_{name}"
            for what in _done(browser, browser.url, browser.base | {button: "1"}):
                yield name, what
    for name, url in other_pages(model, pk):
        passwords = {"password1": PASSWORDS[1], "password2": PASSWORDS[1]}
        acts = {"reason": "To help with what was asked for.", "minutes": "30"}
        data = browser.along() | passwords | acts | {"usable_password": "true", "post": "yes"}
        for what in _done(browser, url, data):
            yield name, what


def _form(browser: Browser) -> Iterator[str]:
    """The form itself: what it says when it is shown, and what else could be sent with it."""
    model, base = browser.model, browser.base
    if not browser.fields:
        everything = browser.along() | base | {"_save": "Save"}
        yield from all_of("everything", browser.post(everything).facts, model)
        return
    plain = browser.post(base)
    if plain.status != 302:  # what they hold may be nothing that this actor can choose
        base = {name: value for name, value in base.items() if not name.startswith("granted_")}
        plain = browser.post(base)
    assert plain.status == 302, f"{browser.actor} {browser.url}: no form to start from: {base}"
    yield from all_of("does", plain.facts, model)

    def differs(**sent: Any) -> set[str] | None:
        if "password1" in sent:
            sent["password2"] = sent["password1"]
        answer = browser.post(base | sent)
        if answer.status == 302:
            return difference(plain.facts, answer.facts)
        return difference({}, answer.facts) or None

    changes = browser.changes()
    passwords = changes.pop("password1", None)
    yield from what_fields_do(changes, differs, model)
    if passwords and (changed := differs(password1=passwords[0][1])):
        yield told("password", changed, model)
    beside = browser.post(browser.along() | base)
    assert beside.status == 302, f"{browser.actor} {browser.url}: what is beside breaks the form"
    if changed := difference(plain.facts, beside.facts):
        yield told("along", changed, model)


def _inlines(browser: Browser) -> Iterator[str]:
    """Rows of inlines: new ones with each value of each field, those that are there deleted."""
    for formset in browser.inlines:
        prefix, model = formset.prefix, formset.model
        if issubclass(model, Grant) and browser.row != browser.scene.row(browser.model, "own"):
            continue  # all rows are shared alike
        number = int(browser.base[f"{prefix}-TOTAL_FORMS"])
        beside = {
            f"{prefix}-{number}-{name}": value
            for name, value in companions(browser.scene, model).items()
        }
        beside[f"{prefix}-TOTAL_FORMS"] = str(number + 1)
        for name, values in _inline_changes(browser, formset).items():
            for label, value in values:
                new = beside | {f"{prefix}-{number}-{name}": value}
                answer = browser.post(browser.base | new)
                yield from all_of(f"{prefix}.{name}:{label}".rstrip(":"), answer.facts, model)
        for place in range(formset.initial_form_count()):
            answer = browser.post(browser.base | {f"{prefix}-{place}-DELETE": True})
            yield from all_of(f"{prefix}.DELETE", answer.facts, model)
        if not formset.initial_form_count():
            continue
        for field in model._meta.concrete_fields:
            if field.primary_key or browser.row != browser.scene.row(browser.model, "own"):
                continue
            value = _beside(browser, field)
            answer = browser.post(browser.base | {f"{prefix}-0-{field.name}": value})
            yield from all_of(f"{prefix}.0.{field.name}", answer.facts, model)


def _inline_changes(browser: Browser, formset: Any) -> Changes:
    """The relations of an inline with each row that there is, its columns with a sample."""
    found: Changes = {}
    for field in formset.model._meta.concrete_fields:
        if field.primary_key or field.name == formset.fk.name or field.name == "organization":
            continue
        if field.related_model is NamedPermission:
            found[field.name] = list(may_names(browser.model).items())
        elif field.remote_field:
            found[field.name] = [
                (label, value)
                for label, value in changes_for(field, browser.scene, browser.actor)
                if value and label not in LIKE_OTHERS
            ]
    if not found:
        found["content"] = [("", "changed")]
    return found


def _beside(browser: Browser, field: Any) -> Any:
    if field.related_model is NamedPermission:
        return may_names(browser.model)[f"change_{browser.model._meta.model_name}"]
    if not field.remote_field:
        return sample(field)
    values = dict(changes_for(field, browser.scene, browser.actor))
    return values.get("boss") or values.get("joined") or values.get("other") or values.get("own")


def _done(browser: Browser, url: str, data: dict[str, Any]) -> Iterator[str]:
    yield from all_of("does", browser.post(data, url=url).facts, browser.model)


def _actions(model: Any) -> list[str]:
    model_admin = admin.site._registry[model]
    return ["delete_selected", *(str(name) for name in model_admin.actions or ())]


def other_pages(model: Any, pk: Any) -> Iterator[tuple[str, str]]:
    """The pages of a row that this admin alone has."""
    prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
    for url in admin.site._registry[model].get_urls():
        name = getattr(url, "name", None)
        if name and name.removeprefix(prefix) not in STANDARD:
            try:
                yield name, reverse(f"admin:{name}", args=[pk])
            except NoReverseMatch:
                yield name, reverse(f"admin:{name}")
