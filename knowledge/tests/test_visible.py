"""The condition of a search is that of `visible_to`, written once for each kind of asker."""

from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from knowledge import baker_recipes
from knowledge.models import Document
from knowledge.search import SearchFilters
from knowledge.search.visible import Asker, Given, _written, visible
from tenants import sharing
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.lookup import find_by_login
from tenants.models import Role
from tenants.services import add_member, create_project, set_roles

SEARCHABLE = {
    "processing_status": "completed",
    "is_processed": True,
    "chunk_count": 1,
    "embedding": [0.05] * 384,
    "content": "A text.",
}


def make_document(acme, **fields):
    return baker_recipes.document.make(organization=acme, **SEARCHABLE | fields)


@pytest.fixture
def library(acme, people):
    """Documents everywhere, two projects, one of which the member joined, and grants."""
    member, viewer = people["acme-member"], people["acme-viewer"]
    with acting_for(acme):
        joined, closed = (create_project(organization_id=acme.pk, name=n) for n in ("A", "B"))
        add_member(project=joined, user=member)
        for project, is_restricted in product((None, joined, closed), (False, True)):
            for kind in ("rare", "common"):
                make_document(
                    acme,
                    project=project,
                    is_restricted=is_restricted,
                    file_type="pdf" if kind == "rare" else "txt",
                    metadata={"kind": kind},
                )
        make_document(acme, is_searchable=False)
        delete(make_document(acme))
        granted = make_document(acme, project=closed, is_restricted=True)
        sharing.give(row=granted, action="view", to=viewer)
        of_a_role = make_document(acme, project=closed, is_restricted=True)
        role = Role.objects.get(name="Member", organization=None)
        sharing.give(row=of_a_role, action="change", to=role)
    return {"none": None, "joined": joined, "closed": closed}


def found(user, project=None, filters=None):
    seen = visible(user, project=project, filters=filters or SearchFilters())
    if seen is None:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({seen.sql}) seen", seen.parameters)
        return {pk for (pk,) in cursor.fetchall()}


def test_what_is_found_is_what_is_seen_in_lists(acme, people, library):
    now = timezone.now()
    some = {}
    with acting_for(acme):
        some_pk = Document.objects.order_by("pk").values_list("pk", flat=True)[0]
        filters = {
            SearchFilters(): {},
            SearchFilters(document=(some_pk,)): {"pk": some_pk},
            SearchFilters(file_type=("pdf", "odt")): {"file_type": "pdf"},
            SearchFilters(document=()): {"pk__in": ()},
            SearchFilters(created_after=now): {"created_at__gte": now},
            SearchFilters(created_before=now): {"created_at__lt": now},
            SearchFilters(created_after=now - timedelta(1), file_type=("txt",)): {
                "file_type": "txt"
            },
        }
        for name, project, (asked, conditions) in product(
            ("owner", "manager", "member", "viewer"), library.values(), filters.items()
        ):
            user = people[f"acme-{name}"]
            seen = Document.objects.visible_to(user).searchable().filter(**conditions)
            if project:
                seen = seen.at_hand_in(project, user)
            expected = set(seen.values_list("pk", flat=True))
            assert found(user, project, asked) == expected, (name, project, asked)
            some[name] = some.get(name, 0) + len(expected)
        by_metadata = SearchFilters(metadata={"kind": "rare"})
        assert len(found(people["acme-owner"], filters=by_metadata)) == 6
        assert found(people["acme-member"]) != found(people["acme-viewer"]) != set()
    assert some["owner"] > some["member"] > some["viewer"] > 0


def test_the_same_rights_have_the_same_text_and_each_sees_their_own(acme, globex, people):
    member, viewer = people["acme-member"], people["acme-viewer"]
    with acting_for(acme):
        set_roles(user=viewer, roles=list(member.roles.all()))
        document = make_document(acme, is_restricted=True)
        sharing.give(row=document, action="view", to=member)
        assert found(member) == {document.pk}
        before = _written.cache_info().misses
        assert found(people["acme-viewer"]) == set()
    with acting_for(globex):
        theirs = make_document(globex)
        assert found(people["globex-member"]) == {theirs.pk}
        assert found(member) == {theirs.pk}  # the organization of the block decides
    assert _written.cache_info().misses == before


def test_a_right_that_is_lost_is_lost_at_the_next_search(acme, people):
    with acting_for(acme):
        document = make_document(acme)
        assert found(find_by_login("acme-viewer")) == {document.pk}
        set_roles(user=people["acme-viewer"], roles=[])
        assert found(find_by_login("acme-viewer")) == set()
        member = find_by_login("acme-member")
        member.token_scopes = {"agents.view_agentconfig"}
        assert found(member) == set()


def test_what_is_kept_names_nobody_and_nothing_of_theirs(acme, people, library):
    with acting_for(acme):
        for name, project in product(("owner", "member", "viewer"), library.values()):
            seen = visible(people[f"acme-{name}"], project=project, filters=SearchFilters())
            kept = _written(
                Asker.of(people[f"acme-{name}"]),
                in_project=project is not None,
                filters=(),
                in_organization=True,
            )
            assert kept.sql == seen.sql
            assert not [v for v in kept.constants.values() if isinstance(v, UUID)]
            assert str(acme.pk) not in kept.sql


def test_an_id_that_would_be_kept_is_refused(acme, people, monkeypatch):
    by_hand = Document.objects.filter(uploaded_by=people["acme-owner"])
    monkeypatch.setattr("knowledge.models.DocumentQuerySet.searchable", lambda self: by_hand)
    _written.cache_clear()
    with acting_for(acme), pytest.raises(TypeError, match="kept for everybody"):
        found(people["acme-owner"])
    _written.cache_clear()


def test_a_condition_that_asks_more_of_a_user_is_an_error(acme, people):
    with acting_for(acme):
        asker = Asker.of(people["acme-member"])
    assert isinstance(asker.pk, Given)
    with pytest.raises(AttributeError):
        asker.organization_id  # noqa: B018
