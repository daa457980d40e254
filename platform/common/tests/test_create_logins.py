"""`manage.py create_logins` against real servers, reached over TCP with passwords."""

import io
import shlex
import subprocess
import sys

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from common.database_url import VARIABLES
from common.home import ROOT
from common.tests.support import connects, environment, free_port, temporary_home
from common.tests.tcp_server import VERSIONS, tcp_server

RIGHTS = (
    "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolinherit"
    " FROM pg_roles WHERE rolname = current_user"
)
NONE = (False, False, False, False, False)


@pytest.fixture(scope="module")
def servers():
    """The administrator's URLs of a server of each version."""
    with (
        temporary_home() as older,
        temporary_home() as newer,
        tcp_server(older, "16") as url_of_16,
        tcp_server(newer, "18") as url_of_18,
    ):
        yield {"16": url_of_16, "18": url_of_18}


@pytest.fixture(params=VERSIONS)
def each_server(request, servers, monkeypatch):
    yield from as_new(servers[request.param], monkeypatch)


@pytest.fixture
def server(servers, monkeypatch):
    yield from as_new(servers["18"], monkeypatch)


def as_new(admin_url, monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    yield admin_url
    execute(admin_url, "DROP EXTENSION IF EXISTS vector", database="template1")
    for (name,) in execute(admin_url, "SELECT datname FROM pg_database WHERE oid > 16383"):
        execute(admin_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    for (name,) in execute(admin_url, "SELECT rolname FROM pg_roles WHERE oid > 16383"):
        execute(admin_url, sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def create_logins(admin_url, **options):
    """Return what the command prints."""
    stdout = io.StringIO()
    call_command("create_logins", admin_url=admin_url, stdout=stdout, **options)
    return stdout.getvalue()


def exported(printed):
    """Return what a shell would have after the printed lines."""
    words = shlex.split(printed, comments=True)
    return dict(word.split("=", 1) for word in words if word != "export")


def execute(url, query, database=None):
    options = {"dbname": database} if database else {}
    with psycopg.connect(url, autocommit=True, **options) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else None


def test_it_prepares_a_server_and_prints_urls_that_work(each_server):
    urls = exported(create_logins(each_server))
    for variable, login in VARIABLES.items():
        assert execute(urls[variable], "SELECT current_user, current_database()") == [
            (login, "chancery")
        ]
    assert execute(urls["DATABASE_OWNER_URL"], RIGHTS) == [(False, True, True, False, True)]
    assert execute(urls["DATABASE_URL"], RIGHTS) == [NONE]
    assert execute(urls["DATABASE_PLATFORM_URL"], RIGHTS) == [NONE]


def test_only_the_owner_makes_tables_and_databases_which_have_vectors(each_server):
    urls = exported(create_logins(each_server))
    owner = urls.pop("DATABASE_OWNER_URL")
    execute(owner, "CREATE TABLE t (v vector(3))")
    execute(owner, "CREATE DATABASE test_chancery")
    execute(owner, "CREATE TABLE t (v vector(3))", database="test_chancery")
    for url in urls.values():
        for refused in (
            "CREATE TABLE u ()",
            "CREATE TEMPORARY TABLE u ()",
            "CREATE DATABASE u",
            "SET ROLE chancery_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                execute(url, refused)


def test_running_it_again_changes_no_password_and_puts_rights_right(each_server):
    urls = exported(create_logins(each_server))
    execute(each_server, "ALTER ROLE chancery_app SUPERUSER BYPASSRLS INHERIT")
    execute(each_server, "GRANT CREATE ON SCHEMA public TO PUBLIC", database="chancery")
    printed = create_logins(each_server)
    assert exported(printed) == {}
    assert "chancery_app has the password it had" in printed
    assert execute(urls["DATABASE_URL"], RIGHTS) == [NONE]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(urls["DATABASE_URL"], "CREATE TABLE u ()")


def test_passwords_are_changed_when_asked_for(server):
    urls = exported(create_logins(server))
    changed = exported(create_logins(server, new_passwords=True))
    for variable in VARIABLES:
        assert connects(changed[variable])
        assert not connects(urls[variable])


def test_passwords_and_the_database_come_from_the_environment(server, monkeypatch):
    address = server.rpartition("@")[2].removesuffix("/postgres")
    passwords = {"chancery_app": "p%40ss", "chancery_platform": "s%27t", "chancery_owner": "0%20r"}
    urls = {
        variable: f"postgresql://{login}:{passwords[login]}@{address}/elsewhere"
        for variable, login in VARIABLES.items()
    }
    for variable, url in urls.items():
        monkeypatch.setenv(variable, url)
    assert exported(create_logins(server)) == {}
    assert all(map(connects, urls.values()))


def test_several_databases_are_prepared_when_named(server):
    urls = exported(create_logins(server, database=["one", "the other"]))
    assert urls["DATABASE_URL"].endswith("/one")
    for database in ("one", "the other"):
        execute(urls["DATABASE_OWNER_URL"], "CREATE TABLE t (v vector(3))", database=database)


def test_a_login_that_would_inherit_rights_is_refused(server):
    create_logins(server)
    execute(server, "GRANT chancery_platform TO chancery_app")
    with pytest.raises(CommandError) as refusal:
        create_logins(server)
    assert str(refusal.value) == (
        "chancery_app is a member of chancery_platform, which would lend it rights: "
        "first run REVOKE chancery_platform FROM chancery_app."
    )


def test_an_administrator_who_may_not_is_told_so(server):
    execute(server, "CREATE ROLE clerk LOGIN CREATEDB PASSWORD 'clerk'")
    clerk = "postgresql://clerk:clerk@" + server.rpartition("@")[2]
    with pytest.raises(CommandError, match=r"^clerk may not prepare this server \(permission"):
        create_logins(clerk)


def test_a_server_without_pgvector_is_told_what_to_install(each_server, monkeypatch):
    # The statement that asks for it, with the name of an extension that no server has.
    extension = "CREATE EXTENSION IF NOT EXISTS no_such_extension SCHEMA public"
    monkeypatch.setattr("common.create_logins.CREATE_EXTENSION", extension)
    with pytest.raises(CommandError, match="install pgvector there"):
        create_logins(each_server)


def test_urls_that_contradict_each_other_are_refused(server, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://chancery_app:a@localhost/one")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://chancery_owner:a@localhost/two")
    with pytest.raises(CommandError, match="name several databases: one, two"):
        create_logins(server)
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://me:hidden@localhost/one")
    with pytest.raises(CommandError, match="must be chancery_owner"):
        create_logins(server)


def test_a_server_that_does_not_answer_is_told_in_one_line_without_the_password(tmp_path):
    url = f"postgresql://postgres:hidden@127.0.0.1:{free_port()}/postgres"
    refused = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "create_logins", "--admin-url", url],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: --admin-url does not connect")
    assert refused.stderr.count("\n") == 1
    assert "hidden" not in refused.stderr
