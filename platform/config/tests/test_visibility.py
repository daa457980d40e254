"""Inside one organization: a member sees what is theirs, by the list and by the row."""

import pytest
from django.db import InternalError

from config.tests import visibility
from config.tests.visibility import MAY_SEE, make_rows
from tenants.api.testing import api_as
from tenants.api.views.projects import ProjectViewSet
from tenants.context import acting_for
from tenants.middleware import SAFE_METHODS
from tenants.models import Project


@pytest.fixture
def names(acme, people):
    return make_rows(acme, people)


@pytest.mark.django_db
@pytest.mark.parametrize("what", MAY_SEE)
def test_a_member_sees_what_is_theirs(people, names, what):
    visibility.check(people["acme-member"], what, names)
    everything = visibility.opened(people["acme-owner"], what, names)
    assert everything > MAY_SEE[what]


@pytest.mark.django_db
def test_what_lies_under_a_row_is_its_own(people, names):
    visibility.check_what_lies_under(people["acme-owner"], names)


def write_on_safe_methods(monkeypatch, people, acme):
    """A view that writes when it should only read is refused by PostgreSQL."""

    def write(self, request, *args, **kwargs):
        Project.objects.create(name="Written while reading")
        raise AssertionError("it was written")

    monkeypatch.setattr(ProjectViewSet, "list", write)
    monkeypatch.setattr(ProjectViewSet, "http_method_names", ["get", "head"])
    client = api_as(people["acme-owner"])
    for method in ("get", "head"):
        with pytest.raises(InternalError, match="read-only"):
            getattr(client, method)("/api/v1/projects/")
    with acting_for(acme):
        assert not Project.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_safe_method_writes_nothing(monkeypatch, people, acme):
    assert {"GET", "HEAD", "OPTIONS"} <= SAFE_METHODS
    write_on_safe_methods(monkeypatch, people, acme)
