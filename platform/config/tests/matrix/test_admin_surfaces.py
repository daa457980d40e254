"""What the admin tells an organization's staff of another's rows, and platform staff of content:
lists, choices, forms and actions."""

from time import process_time

import pytest
from django.contrib import admin
from django.urls import reverse

from config.tests.matrix.actors import BY_NAME, SESSION
from config.tests.matrix.asking import Asking, ask_probe
from config.tests.matrix.bodies import resolve
from config.tests.matrix.checks import log_collected
from config.tests.matrix.pages import MODELS, TELL_OF_DELETED
from config.tests.matrix.patterns import all_patterns
from config.tests.matrix.surfaces import TERMS, Probe, Surface
from config.tests.matrix.targets import OWN, value_of
from config.tests.matrix.undoing import committed, committed_changes, take_fingerprints

pytestmark = pytest.mark.django_db(databases=["default", "platform"])

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def asking(world, record_property, request):
    """`asking("staff")` asks as them; at the end there must be no fault."""
    began, before, made = process_time(), committed(), []
    take_fingerprints(world)
    with log_collected() as log:

        def as_actor(name):
            made.append(Asking(world, BY_NAME[name], SESSION, log))
            return made[-1]

        yield as_actor
    faults = [fault for one in made for fault in one.faults]
    record_property("requests", sum(one.count for one in made))
    record_property("seconds", process_time() - began)
    assert not committed_changes(before)
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:12])


@pytest.mark.parametrize("actor", ["foreigner", pytest.param("staff", marks=pytest.mark.long)])
@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_no_surface_of_a_model_tells_of_hidden_rows(world, asking, model, actor):
    one = asking(actor)
    surface = Surface(model, one.actor, world)
    for probe in surface.probes():
        ask_probe(one, probe)
    change = next(pattern for pattern in all_patterns() if pattern.page == (model, "change"))
    if form := one.form_of(change, one.actor):
        shown = resolve(form, lambda ref: value_of(ref.label, OWN, one.actor, world))
        for probe in surface.inlines(shown):
            ask_probe(one, probe)


@pytest.mark.parametrize("actor", ["foreigner", "staff"])
def test_no_page_above_the_models_tells_of_hidden_rows(asking, actor):
    one = asking(actor)
    for label in {model._meta.app_label for model in REGISTERED}:
        ask_probe(one, Probe(reverse("admin:app_list", args=[label])))
    ask_probe(one, Probe(reverse("admin:index")))
    for term in TERMS:
        for extra in ({}, {"extended": "1"}, {"page": "2"}):
            ask_probe(one, Probe(reverse("admin:search"), {"s": term, **extra}))


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_the_lists_show_their_own_rows_to_those_who_may_see_them(world, asking, model):
    may = MODELS[model._meta.label]
    for actor, rights in (("foreigner", may.owner), ("staff", may.staff)):
        one = asking(actor)
        address = Surface(model, one.actor, world).page("changelist")
        is_long = model._meta.label in TELL_OF_DELETED  # more than a page: the row is looked for
        row = world.sides[one.actor.slug].own[model._meta.label]
        query = {"q": row.object_name} if is_long else {}
        page = ask_probe(one, Probe(address, query, tells_of_deleted=is_long))
        own = value_of(model._meta.label, OWN, one.actor, world)
        assert (page.status == 200 and own in page.body.decode()) == ("v" in rights)
