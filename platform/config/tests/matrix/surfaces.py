"""What can be asked of one model's admin beside its plain pages.

A probe is asked and searched for leaks. One with a `miss` is asked twice, and must not tell a row
or a value that is there from one that is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.contenttypes.models import ContentType
from django.db.models import ForeignKey
from django.urls import reverse

from common.models import Entity
from config.tests.matrix.actors import Actor
from config.tests.matrix.pages import TELL_OF_DELETED
from config.tests.matrix.targets import (
    DELETED,
    OTHER,
    OTHERS_DELETED,
    OWN,
    RANDOM,
    SHARED,
    is_hidden,
    value_of,
)
from config.tests.matrix.texts import CANARY, ERASED, SEALED, takes_text
from config.tests.matrix.world import World
from tenants.admin.trash import PARAMETER

# Beginnings of words: pages repeat what was asked for, and the words themselves would be a leak.
TERMS = ("", CANARY, SEALED[:-1], ERASED[:-1], "acm")
LOOKUPS = ("exact", "in", "isnull", "gte", "regex", "nothing")
ORDERS = ("-1.2", "99", "x")
ERROR, POPUP, TO_FIELD = "e", "_popup", "_to_field"


@dataclass(frozen=True)
class Probe:
    """A path, and what stands in it; `miss` are other values, of nothing that there is.

    `tells_of_deleted`: it asks for the caller's own deleted rows.
    """

    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    values: tuple[str, ...] = ()
    miss: tuple[str, ...] = ()
    tells_of_deleted: bool = False

    def url(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def missed(self) -> "Probe":
        """The same with the values that nothing has."""
        swap = dict(zip(self.values, self.miss, strict=True))

        def swapped(value: Any) -> Any:
            if isinstance(value, list):
                return [swap.get(one, one) for one in value]
            return swap.get(value, value)

        path = self.path
        for value, other in swap.items():
            path = path.replace(value, other)
        query = {name: swapped(value) for name, value in self.query.items()}
        body = self.body and {name: swapped(value) for name, value in self.body.items()}
        return Probe(path, query, body, self.miss, (), self.tells_of_deleted)


@dataclass(frozen=True)
class Surface:
    """One model's admin, as an actor asks for it."""

    model: Any
    actor: Actor
    world: World

    @property
    def label(self) -> str:
        return self.model._meta.label

    @property
    def admin(self) -> Any:
        return admin.site.get_model_admin(self.model)

    def page(self, name: str, *args: str) -> str:
        options = self.model._meta
        return reverse(f"admin:{options.app_label}_{options.model_name}_{name}", args=args)

    def value(self, label: str, kind: str) -> str:
        return value_of(label, kind, self.actor, self.world)

    def hidden(self, label: str) -> Iterator[str]:
        """Ids of rows of a model that the actor may not know of."""
        side = self.world.sides[self.actor.other]
        if label in SHARED:
            return
        if label in side.own and is_hidden(label, self.actor):
            yield self.value(label, OTHER)
        if label in self.world.sides[self.actor.slug].deleted:
            yield self.value(label, DELETED)

    def probes(self) -> Iterator[Probe]:
        always = self.label in TELL_OF_DELETED
        for probe in self._probes():
            yield replace(probe, tells_of_deleted=always or probe.tells_of_deleted)

    def _probes(self) -> Iterator[Probe]:
        yield from self.lists()
        yield from self.searches()
        yield from self.trash()
        yield from self.filters()
        yield from self.guesses()
        yield from self.choices()
        yield from self.pages()
        yield from self.actions()

    def lists(self) -> Iterator[Probe]:
        page = self.page("changelist")
        yield from (Probe(page, {"q": term}) for term in TERMS)
        yield from (Probe(page, {"o": order}) for order in ORDERS)
        yield from (Probe(page, {"p": number}) for number in ("2", "-1", "x"))
        for extra in ({ERROR: "1"}, {"all": ""}, {"_facets": "True"}, {"nothing": "1"}):
            yield Probe(page, extra)
        for name in (POPUP, TO_FIELD):
            yield Probe(page, {POPUP: "1", TO_FIELD: "id", "q": CANARY, name: "1"})
        if date := self.admin.date_hierarchy:
            yield from (Probe(page, {f"{date}__year": year}) for year in ("2020", "2026"))

    def searches(self) -> Iterator[Probe]:
        """The page that searches documents; that it lends no others' eyes has tests of its own."""
        if self.label != "knowledge.Document":
            return
        page, asked = self.page("search"), {"query": "leave", "mode": "text"}
        yield from (Probe(page, asked | {"query": term}) for term in TERMS)
        for theirs in self.hidden("tenants.Project"):
            nobodys = self.value("tenants.Project", RANDOM)
            yield Probe(page, asked | {"project": theirs}, None, (theirs,), (nobodys,))

    def trash(self) -> Iterator[Probe]:
        """Deleted rows, where those who may delete look at them, and others' brought back."""
        if not issubclass(self.model, Entity):
            return
        page, deleted = self.page("changelist"), {PARAMETER: "yes"}
        for extra in ({}, {"q": CANARY}, {"o": "-1"}, {"p": "2"}):
            yield Probe(page, deleted | extra, tells_of_deleted=True)
        yield Probe(page, {PARAMETER: "x"})
        if is_hidden(self.label, self.actor):
            theirs, nobodys = self.value(self.label, OTHERS_DELETED), self.value(self.label, RANDOM)
            body = _selected("restore", theirs)
            yield Probe(page, deleted, body, (theirs,), (nobodys,), tells_of_deleted=True)

    def filters(self) -> Iterator[Probe]:
        """Each filter of the list, by rows and by values that are others'."""
        page = self.page("changelist")
        for item in self.admin.list_filter:
            name = item[0] if isinstance(item, tuple) else item
            if not isinstance(name, str):
                continue
            yield Probe(page, {f"{name}__exact": ""})
            yield from (Probe(page, {f"{name}__{lookup}": "x("}) for lookup in LOOKUPS)
            column = self.model._meta.get_field(name)
            if isinstance(column, ForeignKey):
                target = column.related_model._meta
                for theirs in self.hidden(target.label):
                    for lookup in (name, f"{name}__id__exact", f"{name}__in"):
                        nobodys = self.value(target.label, RANDOM)
                        yield Probe(page, {lookup: theirs}, None, (theirs,), (nobodys,))

    def guesses(self) -> Iterator[Probe]:
        """Columns that are not shown, letter by letter: of rows that are shown, and of others'."""
        page = self.page("changelist")
        offered = {item[0] if isinstance(item, tuple) else item for item in self.admin.list_filter}
        for path in _columns(self.model):
            if path.split("__")[0] in offered:
                continue
            letters = "argon2" if path.endswith("password") else CANARY
            # Of rows that are referred to, one lookup: which they are is not what refuses.
            for lookup in ("startswith",) if "__" in path else ("startswith", "in"):
                query = {f"{path}__{lookup}": letters}
                yield Probe(page, query, None, (letters,), ("zzzzzz",))

    def choices(self) -> Iterator[Probe]:
        """Autocomplete fields, and forms whose fields are filled in by the address."""
        options = self.model._meta
        for column in options.get_fields():
            if not isinstance(column, ForeignKey):
                continue
            field_of = {
                "app_label": options.app_label,
                "model_name": options.model_name,
                "field_name": column.name,
            }
            for term in TERMS:
                yield Probe(reverse("admin:autocomplete"), field_of | {"term": term})
            yield Probe(reverse("admin:autocomplete"), field_of | {"term": "", "page": "2"})
            target = column.related_model._meta.label
            for theirs in self.hidden(target):
                nobodys = (self.value(target, RANDOM),)
                yield Probe(self.page("add"), {column.name: theirs}, None, (theirs,), nobodys)

    def pages(self) -> Iterator[Probe]:
        """Pages of single rows, in every dress."""
        own, nobodys = self.value(self.label, OWN), (self.value(self.label, RANDOM),)
        kind = ContentType.objects.get_for_model(self.model).pk
        for key in (own, *self.hidden(self.label)):
            is_own = key == own
            values, miss = ((), ()) if is_own else ((key,), nobodys)
            for name in ("change", "delete", "history"):
                extra = {POPUP: "1", TO_FIELD: "id"}
                yield Probe(self.page(name, key), extra, None, values, miss)
            yield Probe(f"/admin/r/{kind}/{key}/", {}, None, values, miss)
        for garbage in ("nothing", "_2D", "1", "None"):
            yield Probe(self.page("change", garbage))
        yield Probe(self.page("add"), {POPUP: "1", TO_FIELD: "id"})

    def actions(self) -> Iterator[Probe]:
        """Bulk actions and edited lists, with others' rows among the selected."""
        page = self.page("changelist")
        names = {name for name, *_ in map(_action, self.admin.actions or [])} | {"delete_selected"}
        for action in sorted(names):
            for theirs in self.hidden(self.label):
                for across in ("0", "1"):
                    body = _selected(action, theirs) | {"select_across": across}
                    nobodys = (self.value(self.label, RANDOM),)
                    yield Probe(page, {}, body, (theirs,), nobodys)
        for theirs in self.hidden(self.label):
            edited = _formset("form", {"id": theirs}) | {"_save": "Save"}
            yield Probe(page, {}, edited, (theirs,), (self.value(self.label, RANDOM),))

    def inlines(self, form: dict[str, Any]) -> Iterator[Probe]:
        """Others' rows in the inline forms of an own row; `form` is what the page shows."""
        own = self.value(self.label, OWN)
        for prefix, model in self._inline_models(form):
            label = model._meta.label
            for theirs in self.hidden(label):
                posted = form | _formset(prefix, {"id": theirs, "DELETE": "on"})
                nobodys = (self.value(label, RANDOM),)
                yield Probe(self.page("change", own), {}, posted, (theirs,), nobodys)
            for column in model._meta.fields:
                target = column.related_model and column.related_model._meta.label
                for theirs in self.hidden(target) if target else ():
                    posted = form | _formset(prefix, {column.name: theirs}, initial=0)
                    nobodys = (self.value(target, RANDOM),)
                    yield Probe(self.page("change", own), {}, posted, (theirs,), nobodys)

    def _inline_models(self, form: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for inline in self.admin.get_inlines(None, self.model()):  # those of a row that is there
            relation = next(
                column for column in inline.model._meta.fields if column.related_model is self.model
            )
            prefix = relation.remote_field.get_accessor_name()
            if f"{prefix}-TOTAL_FORMS" in form:
                yield prefix, inline.model


def _columns(model: Any) -> Iterator[str]:
    """The columns that hold text, of the model and of the rows that it refers to."""
    for column in model._meta.concrete_fields:
        if takes_text(column):
            yield column.name
        elif isinstance(column, ForeignKey):
            further = filter(takes_text, column.related_model._meta.concrete_fields)
            yield from (f"{column.name}__{one.name}" for one in further)


def _action(action: Any) -> tuple[str]:
    return (action if isinstance(action, str) else action.__name__,)


def _selected(action: str, key: str) -> dict[str, Any]:
    return {
        "action": action,
        "index": "0",
        "select_across": "0",
        "post": "yes",
        helpers.ACTION_CHECKBOX_NAME: [key],
    }


def _formset(prefix: str, values: dict[str, str], *, initial: int = 1) -> dict[str, str]:
    counts = {"TOTAL_FORMS": "1", "INITIAL_FORMS": str(initial), "MAX_NUM_FORMS": "1000"}
    filled = {f"{prefix}-{name}": value for name, value in counts.items()}
    return filled | {f"{prefix}-0-{name}": value for name, value in values.items()}
