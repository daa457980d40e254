"""A browser in the admin, for tests."""

from django.test import Client
from django.urls import reverse

from tenants.testing import PASSWORD


def signed_in(username, password=PASSWORD):
    """A browser whose user came in by the admin's own door."""
    client = Client(raise_request_exception=True)
    answer = client.post(reverse("admin:login"), {"username": username, "password": password})
    assert answer.status_code == 302, f"{username} cannot sign in"
    return client


def page(model, view, *args):
    """The address of a model's page: changelist, add, change, delete."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def filled(shown, **changes):
    """What a browser sends back of the form that it was shown, with some fields changed."""
    forms = [shown.context["adminform"].form]
    for inline in shown.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    fields = {bound.html_name: _sent(bound) for form in forms for bound in form}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def errors_of(answer):
    """The errors of a form that came back, by field; those of no field under the empty name."""
    assert answer.status_code == 200, "the form was accepted"
    found = dict(answer.context["adminform"].form.errors)
    return {name.removeprefix("__all__"): list(messages) for name, messages in found.items()}


def _sent(bound):
    value = bound.value()
    if isinstance(value, bool):
        return "on" if value else None
    return "" if value is None else value
