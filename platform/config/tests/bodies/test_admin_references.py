"""Each field of each form of the admin that names a row, filled with what it must not name."""

import pytest
from django.contrib import admin

from config.tests.bodies.admin import action_complaints, address_complaints, form_complaints

pytestmark = pytest.mark.django_db(databases=["default", "platform"])

HALVES = pytest.mark.parametrize("half", [0, 1])


def models(half):
    return list(admin.site._registry)[half::2]


def none_of(complaints):
    found = list(complaints)
    assert not found, "\n".join(found)


@pytest.mark.long  # every field of every form and inline, a page each time
@HALVES
def test_a_form_names_only_what_is_there_for_who_fills_it_in(scene, half):
    none_of(
        complaint
        for model in models(half)
        for is_new in (True, False)
        for complaint in form_complaints(scene, model, is_new=is_new)
    )


@HALVES
def test_an_action_takes_only_what_is_there(scene, half):
    none_of(complaint for model in models(half) for complaint in action_complaints(scene, model))


@HALVES
def test_an_address_names_only_what_is_there(scene, half):
    none_of(complaint for model in models(half) for complaint in address_complaints(scene, model))
