"""What the logins' passwords are good for, with nothing of Django in between."""

from uuid import uuid4

import psycopg
import pytest

from common.logins import APP, OWNER, PLATFORM
from tenants.context import SETTING
from tenants.control_plane import platform_models
from tenants.tests.rows import CANARY, tenant_models
from tenants.tests.sql import READING, Attempts, checksum, connect, full_row, run

pytestmark = pytest.mark.django_db

TABLES = {model._meta.label: model._meta.db_table for model in tenant_models()} | {
    "tenants.Organization": "tenants_organization"
}
CONTENT = sorted(set(TABLES) - {model._meta.label for model in platform_models()})
READ_ONLY = {"tenants.Organization", "tenants.OrganizationUsage", "tenants.StaffAccess"}
# A version is deleted by its columns, of a period's row the amounts change, and nothing else.
APPEND_ONLY = {
    "agents.AgentVersion",
    "agents.BudgetPeriod",
    "agents.UsageRecord",
    "tenants.AuditEntry",
    "tenants.AuditSeal",
}
# And so no row to lock:
NO_COLUMN_TO_WRITE = {"agents.UsageRecord", "tenants.AuditEntry", "tenants.StaffAccess"}
NOT_WRITTEN_BY_STAFF = {"agents.BudgetPeriod", "agents.UsageRecord", "tenants.AuditEntry"}
MISSES_ITSELF = ("ON CONFLICT DO NOTHING", "WHEN NOT MATCHED", "FROM STDIN")


@pytest.fixture
def app(committed):
    with connect(APP) as connection:
        yield connection


@pytest.fixture(scope="module")
def acmes(committed):
    """What can be tried on Acme's rows, by model."""
    organization_id = committed["acme"]["tenants.Organization"].pk
    return {
        label: Attempts(table, organization_id, full_row(table, organization_id))
        for label, table in TABLES.items()
    }


def name(connection, organization):
    connection.execute(f"SET {SETTING} = '{organization}'")


def reached(connection, targets):
    found = {label: target.reached(connection) for label, target in targets.items()}
    return {label: what for label, what in found.items() if what}


@pytest.mark.parametrize("named", ["", "garbage", "' OR true --", "globex", "random"])
def test_no_statement_reaches_another_organizations_rows(app, committed, acmes, named):
    organizations = {"globex": committed["globex"]["tenants.Organization"].pk, "random": uuid4()}
    name(app, str(organizations.get(named, named)).replace("'", "''"))
    assert reached(app, acmes) == {}


def test_no_statement_reaches_a_row_before_an_organization_is_named(app, acmes):
    assert reached(app, acmes) == {}


def test_nothing_is_changed_by_what_is_committed(app, committed, acmes):
    before = {table: checksum(table) for table in TABLES.values()}
    assert len(set(before.values())) == len(TABLES)
    for named in ["", "garbage", committed["globex"]["tenants.Organization"].pk, uuid4()]:
        name(app, named)
        for target in acmes.values():
            target.outcomes(app, undo=False)
    assert {table: checksum(table) for table in TABLES.values()} == before


def test_a_checksum_tells_when_a_row_is_changed(committed):
    before = checksum("tenants_project")
    with connect(APP) as connection:
        name(connection, committed["acme"]["tenants.Organization"].pk)
        connection.execute("UPDATE tenants_project SET is_active = NOT is_active")
        assert checksum("tenants_project") != before
        connection.execute("UPDATE tenants_project SET is_active = NOT is_active")
    assert checksum("tenants_project") == before


@pytest.mark.parametrize("label", TABLES)
def test_the_same_statements_reach_an_organizations_own_rows(app, acmes, label):
    target = acmes[label]
    name(app, target.organization_id)
    expected = {
        text
        for text, _ in target.statements()
        if not any(part in text for part in MISSES_ITSELF)
        and (label not in READ_ONLY or text in READING)
        and (label not in NO_COLUMN_TO_WRITE or not text.endswith("FOR UPDATE"))
    }
    if label in APPEND_ONLY:
        adding = {text for text in expected if text.startswith("INSERT") and "UPDATE" not in text}
        expected = expected.intersection(READING) | adding
    assert set(target.reached(app)) == expected


def test_an_error_tells_nothing_of_another_organization(app, committed):
    """An operator that is not leakproof sees a row only after the policy has let it pass."""
    name(app, committed["globex"]["tenants.Organization"].pk)
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as error:
        app.execute("SELECT 1 / filename::int FROM knowledge_document")
    assert f"{CANARY}-globex" in str(error.value)
    for number in range(1, 4):
        with pytest.raises(psycopg.errors.InvalidTextRepresentation) as error:
            app.execute(
                "SELECT count(*) FROM knowledge_document WHERE filename::int = %s", [number]
            )
        assert "acme" not in str(error.value)


def test_the_planners_statistics_are_hidden(app, committed):
    run("ANALYZE")
    hidden = "SELECT count(*) FROM pg_stats WHERE tablename = ANY(%s)"
    assert run(hidden, [list(TABLES.values())])[0][0] > 100
    assert app.execute(hidden, [list(TABLES.values())]).fetchone() == (0,)


@pytest.mark.parametrize("login", [APP, PLATFORM])
def test_a_table_cannot_be_truncated(committed, login):
    with connect(login) as connection:
        for table in TABLES.values():
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"TRUNCATE {table} CASCADE")


FORBIDDEN = [
    "SET ROLE chancery_owner",
    "SET SESSION AUTHORIZATION chancery_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION DEFAULT; SET ROLE chancery_owner",
    "SET session_replication_role = replica",
    "SET log_statement = 'none'",
    "ALTER SYSTEM SET row_security = off",
    "ALTER DATABASE template1 SET row_security = off",
    "SELECT pg_reload_conf()",
    "CREATE TABLE stolen (id int)",
    "CREATE TABLE stolen AS SELECT * FROM tenants_user",
    "SELECT * INTO stolen FROM tenants_user",
    "CREATE TEMPORARY TABLE stolen (id int)",
    "CREATE TEMPORARY VIEW stolen AS SELECT * FROM tenants_user",
    "CREATE DATABASE stolen",
    "CREATE EVENT TRIGGER stolen ON ddl_command_start EXECUTE FUNCTION stolen()",
    "CREATE PUBLICATION stolen FOR TABLE tenants_user",
    "CREATE SUBSCRIPTION stolen CONNECTION 'dbname=x' PUBLICATION stolen WITH (connect = false)",
    "CREATE TRIGGER stolen BEFORE INSERT ON tenants_user EXECUTE FUNCTION stolen()",
    "CREATE INDEX stolen ON tenants_user (email)",
    "CREATE SEQUENCE stolen",
    "CREATE TYPE stolen AS (id int)",
    "CREATE OPERATOR <<< (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "CREATE CAST (text AS int) WITH INOUT",
    "CREATE FUNCTION pg_temp.stolen() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DO LANGUAGE c 'stolen'",
    "LOAD '/tmp/stolen.so'",
    "CREATE SCHEMA stolen",
    "CREATE FUNCTION stolen() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE VIEW stolen AS SELECT * FROM tenants_user",
    "CREATE RULE stolen AS ON INSERT TO tenants_user DO INSTEAD NOTHING",
    "CREATE ROLE stolen",
    "ALTER ROLE chancery_app BYPASSRLS",
    "ALTER ROLE chancery_app SUPERUSER",
    "ALTER ROLE chancery_owner PASSWORD 'stolen'",
    "GRANT chancery_owner TO chancery_app",
    "ALTER TABLE tenants_user ADD stolen int",
    "ALTER TABLE tenants_user OWNER TO chancery_app",
    "ALTER TABLE tenants_user DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE tenants_user NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE tenants_user DISABLE TRIGGER ALL",
    "ALTER FUNCTION tenants_find_login(text) SECURITY INVOKER",
    "CREATE POLICY stolen ON tenants_user USING (true)",
    "ALTER POLICY tenant ON tenants_user USING (true)",
    "DROP POLICY tenant ON tenants_user",
    "DROP TABLE tenants_user",
    "DROP SCHEMA public CASCADE",
    "DROP OWNED BY chancery_owner",
    "REASSIGN OWNED BY chancery_owner TO chancery_app",
    "COMMENT ON TABLE tenants_user IS 'stolen'",
    "CLUSTER tenants_user",
    "DROP FUNCTION tenants_find_login(text)",
    "COPY tenants_permission TO PROGRAM 'cat'",
    "COPY tenants_permission TO '/tmp/stolen'",
    "COPY django_session FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_stat_file('/etc/passwd')",
    "SELECT pg_ls_logdir()",
    "SELECT pg_ls_waldir()",
    "SELECT pg_current_logfile()",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/stolen')",
    "SELECT * FROM pg_largeobject",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_user_mapping",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_ident_file_mappings",
    "SELECT * FROM pg_file_settings",
    "SELECT * FROM pg_config",
    "SELECT subconninfo FROM pg_subscription",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_statistic_ext_data",
    "SELECT pg_create_logical_replication_slot('stolen', 'pgoutput')",
    "SELECT pg_switch_wal()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "SELECT set_config('log_statement', 'none', false)",
    "UPDATE tenants_permission SET name = 'tenants.anything'",
    "INSERT INTO tenants_permission SELECT * FROM tenants_permission",
    "DELETE FROM django_migrations",
    "SELECT * FROM django_admin_log",
    "SELECT * FROM auth_group",
]


@pytest.mark.parametrize("login", [APP, PLATFORM])
@pytest.mark.parametrize("statement", FORBIDDEN)
def test_a_login_may_not(committed, login, statement):
    refusals = (
        psycopg.errors.InsufficientPrivilege,
        # To others PostgreSQL says no more than that they do not own it.
        psycopg.errors.UndefinedFile,
    )
    with connect(login) as connection, pytest.raises(refusals):
        connection.execute(statement)


@pytest.mark.parametrize("login", [APP, PLATFORM])
def test_a_login_reaches_no_other_server_and_cannot_add_the_means_to(committed, login):
    """Not dblink, nor a foreign table: even a trusted extension takes CREATE on the database."""
    assert set(run("SELECT extname FROM pg_extension")) == {("plpgsql",), ("vector",)}
    create = "SELECT has_database_privilege(%s, current_database(), 'CREATE, TEMPORARY')"
    assert run(create, [login]) == [(False,)]
    assert run(create, [OWNER]) == [(True,)]


@pytest.mark.parametrize("login", [APP, PLATFORM])
def test_row_security_cannot_be_switched_off(committed, login):
    with connect(login) as connection:
        connection.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute("SELECT count(*) FROM tenants_user")


@pytest.mark.parametrize("label", CONTENT)
def test_the_platform_login_has_no_privilege_on_content(acmes, label):
    every = "SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,MAINTAIN"
    some = "SELECT,INSERT,UPDATE,REFERENCES"
    assert run(
        "SELECT has_table_privilege(%(login)s, %(table)s, %(every)s),"
        " has_any_column_privilege(%(login)s, %(table)s, %(some)s)",
        {"login": PLATFORM, "table": TABLES[label], "every": every, "some": some},
    ) == [(False, False)]
    with connect(PLATFORM) as connection:
        for named in ["", acmes[label].organization_id]:
            name(connection, named)
            assert set(acmes[label].outcomes(connection).values()) == {"42501"}


@pytest.mark.parametrize("label", sorted(set(TABLES) - set(CONTENT)))
def test_the_platform_login_reaches_the_control_plane_without_an_organization(acmes, label):
    with connect(PLATFORM) as connection:
        reached = set(acmes[label].reached(connection))
    expected = {text for text in READING if "COPY" not in text}
    if label in NOT_WRITTEN_BY_STAFF:  # nobody locks what they may not change
        expected = {text for text in expected if "FOR UPDATE" not in text}
    assert expected <= reached


@pytest.mark.parametrize("login", [APP, PLATFORM])
def test_a_login_cannot_pass_its_privileges_on(committed, login):
    with connect(login) as connection:
        connection.execute("GRANT ALL ON tenants_user TO PUBLIC")  # no more than a warning
    assert run("SELECT has_table_privilege('public', 'tenants_user', 'SELECT')") == [(False,)]


def test_content_is_what_members_make():
    assert CONTENT == [
        "agents.Conversation",
        "agents.Message",
        "agents.MessageFeedback",
        "agents.OpenCall",
        "agents.TurnEvent",
        "knowledge.ChunkEmbedding",
        "knowledge.Document",
        "knowledge.DocumentChunk",
        "knowledge.DocumentRoleGrant",
        "knowledge.DocumentUserGrant",
        "knowledge.Posting",
        "knowledge.PostingBlock",
    ]


def test_a_temporary_table_does_not_stand_in_for_a_real_one(committed):
    """Functions of the owner read the schema's tables, whatever their caller has made."""
    database = connection_name()
    run(f"GRANT TEMPORARY ON DATABASE {database} TO chancery_app")
    try:
        with connect(APP) as connection:
            connection.execute(
                "CREATE TEMPORARY TABLE tenants_user AS SELECT * FROM tenants_find_login('staff')"
            )
            connection.execute("UPDATE pg_temp.tenants_user SET username = 'stolen'")
            assert connection.execute("SELECT * FROM tenants_find_login('stolen')").fetchall() == []
            assert connection.execute("SELECT id FROM tenants_find_login('staff')").fetchall() != []
    finally:
        run(f"REVOKE TEMPORARY ON DATABASE {database} FROM chancery_app")


def connection_name():
    return run("SELECT current_database()")[0][0]


@pytest.mark.parametrize(
    "question",
    [
        "tenants_find_login('staff')",
        "tenants_find_user(gen_random_uuid())",
        "tenants_find_token('x')",
        "tenants_find_organization('acme')",
    ],
)
def test_only_the_application_may_ask_before_an_organization_is_known(committed, question):
    run(f"SELECT {question}", login=APP)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(f"SELECT {question}", login=PLATFORM)


def test_the_owner_sees_every_organization(committed):
    assert run("SELECT count(*) FROM knowledge_document", login=OWNER) == [(2,)]
