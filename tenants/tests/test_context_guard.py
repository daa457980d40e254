"""The guard asks whose rows are meant before PostgreSQL answers with none."""

import pytest
from django.db import connection
from psycopg import sql

from tenants.context import NoOrganization
from tenants.models import User

STATEMENTS = [
    "SELECT * FROM tenants_user",
    'SELECT * FROM "tenants_user"',
    "select * from TENANTS_USER",
    "SELECT * FROM public.tenants_user",
    'SELECT * FROM "public"."tenants_user"',
    "SELECT 1;SELECT * FROM\ntenants_user",
    "WITH u AS (SELECT * FROM tenants_user) SELECT * FROM u",
    "DELETE FROM agents_message",
    "UPDATE knowledge_document SET filename = ''",
    "INSERT INTO tenants_project DEFAULT VALUES",
    "COPY tenants_user TO STDOUT",
    "EXPLAIN ANALYZE SELECT * FROM knowledge_posting",
    "SELECT * FROM tenants_organization",
    b"SELECT * FROM tenants_user",
    sql.SQL("SELECT * FROM {}").format(sql.Identifier("tenants_user")),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_the_guard_knows_a_table_however_it_is_written(db, statement):
    with connection.cursor() as cursor:
        with pytest.raises(NoOrganization):
            cursor.execute(statement)
        with pytest.raises(NoOrganization):
            cursor.executemany(statement, [[]])


def test_the_guard_lets_through_what_belongs_to_nobody(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_permission")
        cursor.execute("SELECT * FROM tenants_find_login('acme-owner')")
        cursor.execute("SELECT 'tenants_user_email'")


@pytest.mark.django_db(transaction=True)
def test_the_guard_stays_when_another_wrapper_goes(acme):
    connection.close()
    connection.execute_wrappers.clear()

    def look_on(execute, *arguments):
        return execute(*arguments)

    with connection.execute_wrapper(look_on):  # entered before there is a connection to guard
        connection.ensure_connection()
    assert look_on not in connection.execute_wrappers
    with pytest.raises(NoOrganization):
        User.objects.count()
