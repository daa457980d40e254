import pytest
from django.core.management import CommandError, call_command

from common.ids import uuid7
from tenants.audit.verification import verify
from tenants.baker_recipes import token_recipe, user_recipe
from tenants.belongings import take_what_was_left_behind
from tenants.context import acting_as_platform, acting_for
from tenants.deletion import RestoreConflict, delete, restore
from tenants.management.commands import purge as command
from tenants.models import AccessToken, AuditEntry, Organization, Project, User
from tenants.purging import removal
from tenants.testing import as_owner
from tenants.tests.purging import LONG_AGO, left, let_time_pass, purge, rows_by_table, tally_of
from tenants.tests.rows import make_one_of_each, make_row
from tenants.tests.trees import GOES_WITH, living, make_tree, model, wrong_counters

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])

VERSION = "agents.AgentVersion"


@pytest.fixture
def trees(acme):
    with acting_for(acme):
        return make_tree(acme), make_tree(acme, name="b")


def deleted(acme, row):
    with acting_for(acme):
        return delete(row)


@pytest.mark.parametrize("label", sorted(GOES_WITH))
def test_what_was_deleted_long_ago_goes_for_good_and_nothing_else(acme, trees, label):
    tree, other = trees
    deleted(acme, tree[label])
    let_time_pass()
    purge()
    assert left(acme, tree) == tree.keys() - GOES_WITH[label]
    assert left(acme, other) == other.keys()
    with acting_for(acme):
        assert living(other) == other.keys()
        assert not wrong_counters(acme.pk)
    assert purge() == "nothing removed.\n"


def test_what_was_deleted_lately_stays_and_can_be_restored(acme, trees):
    tree, _ = trees
    deleted(acme, tree["tenants.Project"])
    let_time_pass(days=29)
    assert purge() == "nothing removed.\n"
    with acting_for(acme):
        restore(tree["tenants.Project"])
        assert living(tree) == tree.keys()


def test_an_organization_says_how_long_it_keeps_what_was_deleted(acme, trees):
    deleted(acme, trees[0]["tenants.Project"])
    let_time_pass()
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(retention_days=LONG_AGO + 1)
    assert purge() == "nothing removed.\n"
    assert "1 project" in purge(older_than=LONG_AGO - 1)


@pytest.mark.parametrize("label", [*sorted(GOES_WITH), "tenants.Organization"])
def test_a_dry_run_says_what_would_go_and_removes_nothing(acme, label):
    rows = make_one_of_each(acme)
    with acting_as_platform() if label == "tenants.Organization" else acting_for(acme):
        delete(rows[label])
    let_time_pass()
    before = rows_by_table(acme.pk)
    foretold = tally_of(acme, dry_run=True)
    assert "would be removed" in purge(dry_run=True)
    assert rows_by_table(acme.pk) == before
    assert tally_of(acme).rows == foretold.rows
    after = rows_by_table(acme.pk)
    gone = {name: count - after.get(name, 0) for name, count in before.items()}
    assert {n: c for n, c in gone.items() if c} == {
        model._meta.label: count for model, count in foretold.rows.items() if count
    }


def test_a_deleted_organization_goes_with_all_that_it_has(acme, globex):
    for organization in (acme, globex):
        make_one_of_each(organization)
    others = rows_by_table(globex.pk)
    with acting_as_platform():
        delete(acme)
    let_time_pass(days=29)
    purge()
    assert len(rows_by_table(acme.pk)) > 15
    let_time_pass()
    said = purge()
    assert "acme: " in said
    assert "1 organization" in said
    assert rows_by_table(acme.pk) == {}
    assert rows_by_table(globex.pk) == others


def test_the_rows_of_an_organization_that_came_back_are_left_alone(acme):
    rows = make_one_of_each(acme)
    with acting_as_platform():
        delete(acme)
    let_time_pass()
    with acting_as_platform():
        restore(acme)
    assert purge() == "nothing removed.\n"
    assert left(acme, rows) == rows.keys()


def test_one_organization_can_be_purged_alone(acme, globex):
    for organization in (acme, globex):
        with acting_for(organization):
            delete(make_tree(organization)["tenants.Project"])
    let_time_pass()
    assert "acme: " not in purge(organization="globex")
    assert "acme: " in purge()


def test_a_person_who_goes_is_named_nowhere_and_what_they_made_stays(acme):
    rows = make_one_of_each(acme)
    naming = {"knowledge.Document": "uploaded_by", "tenants.Project": "manager"}
    with acting_for(acme):
        person = user_recipe.make()
        for label, field in naming.items():
            model(label).objects.update(**{field: person})
        naming[VERSION] = "published_by"  # written once
        published = {"number": 2, "published_by": person}
        rows[VERSION] = make_row(model(VERSION), rows, "again", **published)
        delete(person)
    let_time_pass()
    purge()
    with acting_for(acme):
        assert not User.all_objects.filter(pk=person.pk).exists()
        for label, field in naming.items():
            row = model(label).objects.get(pk=rows[label].pk)
            assert getattr(row, f"{field}_id") is None


def test_what_cannot_do_without_a_row_keeps_it(acme, monkeypatch):
    rows = make_one_of_each(acme)
    document = model("knowledge.Document")
    monkeypatch.setattr(document._meta.get_field("uploaded_by"), "null", False)
    with acting_for(acme):
        person = user_recipe.make()
        document.objects.update(uploaded_by=person)
        delete(person)
    let_time_pass()
    assert "1 kept for now" in purge()
    with acting_for(acme):
        assert document.objects.get().uploaded_by_id == person.pk
        document.objects.update(uploaded_by=rows["tenants.User"])
    assert "1 person" in purge() or not left(acme, {"person": person})


def test_a_row_waits_for_the_deletion_of_what_it_belongs_to(acme, trees):
    """One that went with its project is not older than the project, whoever restores what."""
    tree, _ = trees
    deleted(acme, tree["tenants.User"])
    let_time_pass()
    deleted(acme, tree["agents.AgentConfig"])
    with acting_for(acme):
        restore(tree["tenants.User"])  # the conversation stays with its agent from now on
    assert purge() == "nothing removed.\n"
    with acting_for(acme):
        restore(tree["agents.AgentConfig"])
        assert living(tree) == tree.keys()


def test_a_purge_that_dies_in_the_middle_is_taken_up_by_the_next(acme, trees, monkeypatch):
    tree, other = trees
    deleted(acme, tree["tenants.Project"])
    let_time_pass()

    class Died(Exception):
        pass

    def die(tally):
        raise Died

    removed = []
    for _ in range(20):
        try:
            tally_of(acme, progress=die, older_than=LONG_AGO - 1)
            break
        except Died:
            removed.append(len(left(acme, tree)))
            with acting_for(acme), pytest.raises(RestoreConflict, match="removed for good"):
                restore(Project.all_objects.get(pk=tree["tenants.Project"].pk))
            if len(removed) == 4:
                break
    assert len(set(removed)) > 2
    let_time_pass(days=1)  # what was begun is ended, however old
    purge()
    assert left(acme, tree) == tree.keys() - GOES_WITH["tenants.Project"]
    assert left(acme, other) == other.keys()


def test_more_rows_than_a_batch_holds_go_all_the_same(acme, trees, monkeypatch):
    monkeypatch.setattr(removal, "AT_ONCE", 2)
    tree, _ = trees
    with acting_for(acme):
        for number in range(7):
            chunk = make_row(
                model("knowledge.DocumentChunk"), tree, acme.slug, position=number + 10
            )
            model("knowledge.ChunkEmbedding").objects.create(
                chunk=chunk, document_id=chunk.document_id, embedding=[0.5] * 384
            )
        delete(tree["knowledge.Document"])
    let_time_pass()
    said = purge()
    assert "8 chunks" in said
    assert "7 chunk embeddings" in said
    assert left(acme, tree) == tree.keys() - GOES_WITH["knowledge.Document"]


def test_what_is_living_below_a_deleted_row_goes_with_its_deletion(acme, trees):
    tree, _ = trees
    deletion_id = deleted(acme, tree["tenants.Project"])
    with acting_for(acme):
        message = model("agents.Message").all_objects.filter(pk=tree["agents.Message"].pk)
        message.update(is_deleted=False, deleted_at=None, deletion_id=None)
        assert take_what_was_left_behind(acme.pk) == 1
        assert message.get().deletion_id == deletion_id
        assert take_what_was_left_behind(acme.pk) == 0
        assert not wrong_counters(acme.pk)
        message.update(is_deleted=False, deleted_at=None, deletion_id=None)
    let_time_pass()
    purge()
    assert left(acme, tree) == tree.keys() - GOES_WITH["tenants.Project"]


def test_tokens_of_platform_staff_go_as_well(people):
    with acting_as_platform():
        tokens = [
            AccessToken.objects.create(
                user=people["staff"],
                organization=None,
                digest=str(uuid7()),
                prefix="chy_",
                expires_at="2100-01-01T00:00Z",
            )
            for _ in range(2)
        ]
        delete(tokens[0])
    let_time_pass()
    assert "the platform: 1 access token\n" in purge()
    with acting_as_platform():
        assert AccessToken.all_objects.get() == tokens[1]


def test_a_token_that_was_ended_goes_alone(acme, people):
    with acting_for(acme):
        ended = token_recipe.make(user=people["acme-member"])
        delete(ended)
        kept = token_recipe.make(user=people["acme-member"])
    let_time_pass()
    purge()
    with acting_for(acme):
        assert AccessToken.all_objects.get() == kept


def test_a_long_run_says_how_far_it_is(acme, trees, monkeypatch):
    monkeypatch.setattr(command, "SECONDS_BETWEEN_LINES", -1.0)
    deleted(acme, trees[0]["tenants.Project"])
    let_time_pass()
    lines = purge().splitlines()
    assert lines[0].startswith("acme: ")
    assert lines[0].endswith("rows so far …")


def test_an_unknown_organization_and_a_wrong_number_are_errors(acme):
    with pytest.raises(CommandError, match="no organization nowhere"):
        purge(organization="nowhere")
    for text in ("-1", "many"):
        with pytest.raises(CommandError, match="number of days"):
            call_command("purge", f"--older-than={text}")


def test_the_audit_trail_outlives_an_organization_and_is_whole(acme):
    with acting_as_platform():
        delete(acme)
    let_time_pass()
    purge()
    with as_owner():
        removed = AuditEntry.objects.filter(organization_id=acme.pk, action="removed")
        assert "tenants.Organization" in removed.values_list("object_type", flat=True)
        assert verify(acme.pk).faults == []
