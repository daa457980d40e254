# ruff: noqa: DJ008  models that live for a test have no name to show
import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models import Count
from django.test.utils import isolate_apps

pytestmark = pytest.mark.django_db


@pytest.fixture
def stop():
    """Two models, of which a bus stop refers to a street."""
    with isolate_apps("common"):

        class Street(models.Model):
            class Meta:
                app_label = "common"

        class Stop(models.Model):
            street = models.ForeignKey(Street, models.CASCADE)

            class Meta:
                app_label = "common"

        yield Stop


def sql(change):
    """What the schema editor would send."""
    with connection.schema_editor(collect_sql=True) as editor:
        change(editor)
    return "\n".join(editor.collected_sql)


def test_the_backend_is_ours():
    assert connection.settings_dict["ENGINE"] == "common.postgresql"
    assert connection.vendor == "postgresql"


def test_a_key_that_starts_with_another_column_does_not_stand_for_the_row():
    """`GROUP BY id` would do where `id` alone is the primary key, which it is not here."""
    query = str(ContentType.objects.annotate(number=Count("permission")).query)
    grouped = query.split(" GROUP BY ")[1]
    assert '"django_content_type"."app_label"' in grouped
    assert '"django_content_type"."model"' in grouped


def test_counting_related_rows_works():
    counted = ContentType.objects.annotate(number=Count("permission")).order_by("pk")
    assert sum(found.number for found in counted) == Permission.objects.count() > 0


def test_a_foreign_key_of_a_new_table_is_checked_at_once(stop):
    made = sql(lambda editor: editor.create_model(stop))
    assert "FOREIGN KEY" in made
    assert "DEFERRABLE" not in made
    assert "SET CONSTRAINTS" not in made


def test_a_foreign_key_added_to_a_table_is_checked_at_once(stop):
    made = sql(lambda editor: editor.add_field(stop, stop._meta.get_field("street")))
    assert "REFERENCES" in made
    assert "DEFERRABLE" not in made
    assert "SET CONSTRAINTS" not in made


def test_a_foreign_key_is_taken_away_without_asking_it_to_be_checked():
    editor = connection.schema_editor(collect_sql=True)
    taken = str(editor._delete_fk_sql(Group, "anything"))
    assert taken == 'ALTER TABLE "auth_group" DROP CONSTRAINT "anything"'


def test_no_foreign_key_of_django_itself_waits_for_the_commit():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND condeferrable"
            " AND connamespace = 'public'::regnamespace AND conname LIKE ANY (%s)",
            [["auth_%", "django_%"]],
        )
        assert cursor.fetchall() == []


def test_what_cannot_wait_is_known_to_those_who_delete():
    """Django then lets go of a nullable key before it deletes what the key refers to."""
    assert not connection.features.can_defer_constraint_checks
