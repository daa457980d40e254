"""The admin as somebody fills it in: every form that it has, and what each field could become."""

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Permission as NamedPermission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Q

from config.tests.attempts.asking import Answer, answer_to
from config.tests.attempts.extras import extras
from config.tests.attempts.facts import PASSWORDS
from config.tests.attempts.samples import changes_for
from config.tests.attempts.scene import Scene
from tenants.admin.testing import filled, page
from tenants.models import Permission, Role, User
from tenants.models.grant import Grant

# What no rule can guess of a form, by model.
FIELDS = {
    "agents.Budget": {"unit": "money", "currency": "USD", "limit": "5"},
    "tenants.User": {"username": "new-person"},
}

# Rows that are tried over the API, and that no form treats in another way than the rest.
LIKE_OTHERS = {"viewer", "wide", "peer"}


class Browser:
    """One page of a model's admin, as an actor uses it; `row` is None where one is added."""

    def __init__(self, scene: Scene, actor: str, model: Any, row: Any = None):
        self.scene, self.actor, self.model, self.row = scene, actor, model, row
        self.url = page(model, "change", row.pk) if row is not None else page(model, "add")
        self.fields: dict[str, forms.Field] = {}
        self.inlines: list[Any] = []
        self.base: dict[str, Any] = {}
        shown = scene.actors[actor].browser().get(self.url)
        if shown.status_code == 200 and shown.context and "adminform" in shown.context:
            if shown.context_data[f"has_{'change' if row else 'add'}_permission"]:
                fields = shown.context["adminform"].form.fields.items()
                self.fields = {name: field for name, field in fields if not field.disabled}
            self.inlines = [one.formset for one in shown.context["inline_admin_formsets"]]
            self.base = {
                name: "" if value is None else value for name, value in filled(shown).items()
            }
            if row is None:
                self.base |= self._required()

    def post(self, data: dict[str, Any], *sent: str, url: str = "") -> Answer:
        for value in data.values():
            if isinstance(value, SimpleUploadedFile):
                value.seek(0)
        written = {name: _written(value) for name, value in data.items() if value is not False}
        client = self.scene.actors[self.actor].browser()
        return answer_to(self.scene, lambda: client.post(url or self.url, written), *sent)

    def along(self) -> dict[str, Any]:
        """Every name that is none of the form's, with a value."""
        found = extras(self.scene, self.model, self.actor)
        return {
            name: value
            for name, value in found.items()
            if name not in self.fields and not isinstance(value, SimpleUploadedFile)
        }

    def changes(self) -> dict[str, list[tuple[str, Any]]]:
        """By field of the form: what it could become, each with a label."""
        return {name: list(self._changes(name)) for name in self.fields if name != "password2"}

    def _changes(self, name: str) -> Iterator[tuple[str, Any]]:
        if name == "password1":
            yield "", PASSWORDS[1]
            return
        if name == "api_key":
            yield "", "changed"
            return
        if name == "file":
            yield "", SimpleUploadedFile("changed.md", b"# Changed\n\nSomething else.\n")
            return
        if name == "unpack":  # no column: it says what to do with a file
            yield "", True
            return
        column = self.column(name)
        for label, value in changes_for(column, self.scene, self.actor):
            if label in LIKE_OTHERS:
                continue
            if column.related_model is Permission:
                value = [str(one.pk) for one in self._permissions() if one.name in value]
            yield label, value

    def column(self, name: str) -> Any:
        """The column, or the relation, of a field of the form."""
        return self.model._meta.get_field(name.removeprefix("granted_"))

    def _permissions(self) -> Any:
        return Permission.objects.all()

    def _required(self) -> dict[str, Any]:
        said = FIELDS.get(self.model._meta.label, {})
        return {
            name: said.get(name, _new(field, self.scene))
            for name, field in self.fields.items()
            if (field.required and not self.base.get(name)) or name in said
        }


def may_names(model: Any) -> dict[str, str]:
    """By name the ids of Django's permissions to try in a grant: this model's and an alien one."""
    app = model._meta.app_label
    found = NamedPermission.objects.filter(
        Q(content_type__app_label=app, content_type__model=model._meta.model_name)
        | Q(content_type__app_label="auth", codename="change_user")
        | Q(content_type__app_label="tenants", codename="view_user")
    )
    return {one.codename: str(one.pk) for one in found}


def companions(scene: Scene, model: Any) -> dict[str, str]:
    """What a new grant says beside the field that is tried."""
    if not issubclass(model, Grant):
        return {}
    of = model._meta.get_field("content_object").related_model
    return {
        "user": str(scene.row(User, "nobody").pk),
        "group": str(scene.row(Role, "empty").pk),
        "permission": may_names(of)[f"view_{of._meta.model_name}"],
    }


def registered() -> list[Any]:
    """The models that the admin has, ours and others'."""
    return list(admin.site._registry)


def _new(field: forms.Field, scene: Scene) -> Any:
    match field:
        case forms.FileField():
            return SimpleUploadedFile("new.md", b"# New\n\nSomething to read.\n")
        case forms.EmailField():
            return "new@acme.test"
        case forms.SlugField():
            return "new-slug"
        case forms.ModelChoiceField():
            return str(scene.row(field.queryset.model, "own").pk)
        case forms.ChoiceField():
            return next(value for value, _ in field.choices if value)
    return PASSWORDS[0] if "password" in str(field.label).lower() else "new"


def _written(value: Any) -> Any:
    if value is True:
        return "on"
    if value is None:
        return ""
    if isinstance(value, dict) or value in (["changed"], [{"name": "changed"}]):
        return json.dumps(value)
    return value
