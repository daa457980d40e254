"""Each permission, filter and guard is taken away: a test of what it protects notices."""

from functools import partial

import pytest
from django.apps import apps
from django.db import connections
from django.db.models import Q

from config.tests import test_permissions, visibility
from config.tests.test_permissions import ACTIONS, NAMES
from config.tests.test_visibility import write_on_safe_methods
from config.tests.visibility import MAY_SEE, make_rows
from tenants import context, middleware, sharing
from tenants.api.permissions import HoldsPermission, IsMember
from tenants.api.views.grants import GrantViewSet
from tenants.api.viewsets import NestedMixin, OrganizationViewSet
from tenants.context import acting_for
from tenants.grants import tables
from tenants.permissions import Permissions
from tenants.tests import test_context_guard
from tenants.tests.noticing import noticing, reported
from tenants.tests.rows import tenant_models
from tenants.tests.statements import every_statement_names

pytestmark = [pytest.mark.long, pytest.mark.django_db]

LISTED = {
    "tenants.Project": "projects",
    "knowledge.Document": "documents",
    "agents.AgentConfig": "agents",
    "agents.Conversation": "conversations",
}
WITH_VISIBLE_TO = {
    model._meta.label: model
    for model in apps.get_models()
    if hasattr(model._default_manager.all(), "visible_to")
}
NESTED = sorted({view for _, _, view, *_ in ACTIONS if issubclass(view, NestedMixin)}, key=str)
OF_ROWS = [view for view in NESTED if not issubclass(view, GrantViewSet)]


@pytest.fixture(scope="module")
def table():
    with reported("The code") as found:
        yield found


@pytest.fixture
def missed(table, request):
    """`missed(checks)` where a protection is missing: some check must fail."""

    def see(checks):
        mutation = request.node.name.removeprefix("test_").replace("_", " ")
        table[mutation] = noticing(checks)
        assert table[mutation], f"nothing misses it: {', '.join(checks)}"

    return see


# The permission of each action


def checks_of(owner, path, method, required):
    asked = (owner, path, method, required)
    return {
        check.__name__: partial(check, *asked)
        for check in (
            test_permissions.refuse_without_its_permission,
            test_permissions.let_in_with_its_permission,
        )
    }


@pytest.mark.parametrize(("path", "method", "view", "action", "required"), ACTIONS, ids=NAMES)
@pytest.mark.parametrize("instead", ["any", "another"])
def test_an_action_that_asks_for(
    monkeypatch, people, missed, path, method, view, action, required, instead
):
    checks = checks_of(people["acme-owner"], path, method, required)
    assert noticing(checks) == []
    other = next(name for name in Permissions if name not in required)
    asked = tuple(Permissions) if instead == "any" else other
    monkeypatch.setitem(view.required_permissions, action, asked)
    missed(checks)


@pytest.mark.parametrize(
    "view", sorted({view for _, _, view, *_ in ACTIONS}, key=str), ids=lambda view: view.__name__
)
def test_without_the_permission_class_of(monkeypatch, people, missed, view):
    path, method, required = next((p, m, r) for p, m, v, _, r in ACTIONS if v is view)
    monkeypatch.setattr(view, "permission_classes", [IsMember])
    missed(checks_of(people["acme-owner"], path, method, required))


def test_a_permission_class_that_asks_nothing(monkeypatch, people, missed):
    monkeypatch.setattr(HoldsPermission, "has_permission", IsMember.has_permission)
    path, method, _, _, required = ACTIONS[0]
    missed(checks_of(people["acme-owner"], path, method, required))


# What a member may see


@pytest.fixture
def sight(acme, people):
    """The checks of who sees what, by what is listed."""
    names, member = make_rows(acme, people), people["acme-member"]
    found = {what: partial(visibility.check, member, what, names) for what in MAY_SEE}
    found["under"] = partial(visibility.check_what_lies_under, people["acme-owner"], names)
    assert noticing(found) == []
    return found


def test_every_queryset_that_knows_who_may_see_its_rows_is_here():
    assert WITH_VISIBLE_TO.keys() == LISTED.keys()
    assert set(LISTED.values()) == MAY_SEE.keys()


@pytest.mark.parametrize("label", WITH_VISIBLE_TO)
def test_all_rows_are_visible_of(monkeypatch, sight, missed, label):
    rows = type(WITH_VISIBLE_TO[label]._default_manager.all())
    monkeypatch.setattr(rows, "visible_to", lambda self, user: self)
    what = LISTED[label]
    missed({what: sight[what]})


@pytest.mark.parametrize("label", WITH_VISIBLE_TO)
def test_no_rows_are_visible_of(monkeypatch, sight, missed, label):
    rows = type(WITH_VISIBLE_TO[label]._default_manager.all())
    monkeypatch.setattr(rows, "visible_to", lambda self, user: self.none())
    missed(sight)


def test_viewsets_that_do_not_ask_what_is_visible(monkeypatch, sight, missed):
    monkeypatch.delattr(OrganizationViewSet, "get_queryset")
    missed(sight)


def test_parents_that_need_not_be_visible(monkeypatch, sight, missed):
    def initial(self, request, *args, **kwargs):
        OrganizationViewSet.initial(self, request, *args, **kwargs)
        self.parent = self.parents.get(pk=kwargs[self.parent_kwarg])

    monkeypatch.setattr(NestedMixin, "initial", initial)
    missed(sight)


@pytest.mark.parametrize("view", OF_ROWS, ids=lambda view: view.__name__)
def test_rows_under_any_parent_in(monkeypatch, sight, missed, view):
    monkeypatch.delattr(view, "get_queryset")
    missed({"under": sight["under"]})


def test_grants_of_any_parent(monkeypatch, sight, missed):
    def of_all(row):
        return [grant for table in tables(type(row)) for grant in table.objects.all()]

    monkeypatch.setattr(sharing, "grants_on", of_all)
    missed({"under": sight["under"]})


# What every statement says, and what is refused before it is sent


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model.__name__)
def test_without_the_filter_of_the_base_manager_of(monkeypatch, acme, missed, model):
    def ask():
        with acting_for(acme), every_statement_names(acme):
            list(model._base_manager.all())

    assert noticing({"every_statement_names": ask}) == []
    monkeypatch.setattr(type(model._base_manager), "rows", Q())
    missed({"every_statement_names": ask})


def guarded():
    guard = test_context_guard.test_the_guard_knows_a_table_however_it_is_written
    return {
        f"{guard.__name__}[{statement}]": partial(guard, None, statement)
        for statement in test_context_guard.STATEMENTS[:3]
    }


def test_without_the_guard_of_the_connection(monkeypatch, acme, missed):
    assert noticing(guarded()) == []
    monkeypatch.setattr(connections["default"], "execute_wrappers", [])
    missed(guarded())


def test_a_guard_that_takes_everybody_to_be_acting(monkeypatch, acme, missed):
    monkeypatch.setattr(context, "_knows_for_whom", lambda connection: True)
    missed(guarded())


def test_a_guard_that_knows_no_tables(monkeypatch, acme, missed):
    monkeypatch.setattr(context, "_tenant_tables", lambda: context.re.compile("never"))
    missed(guarded())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", sorted(middleware.SAFE_METHODS & {"GET", "HEAD"}))
def test_a_safe_method_that_may_write(monkeypatch, people, acme, missed, method):
    others = middleware.SAFE_METHODS - {method}
    monkeypatch.setattr(middleware, "SAFE_METHODS", others)
    missed({"write_on_safe_methods": partial(write_on_safe_methods, monkeypatch, people, acme)})
