"""`manage.py create_logins` against real servers, reached over TCP with passwords."""

import shlex
import subprocess
import sys

import psycopg
import pytest

from common.home import ROOT
from common.tests.support import connects, environment, free_port, temporary_home
from common.tests.tcp_server import VERSIONS, tcp_server

VARIABLES = ("DATABASE_URL", "DATABASE_PLATFORM_URL", "DATABASE_OWNER_URL")


@pytest.fixture(params=VERSIONS)
def admin_url(request):
    with temporary_home() as home, tcp_server(home, request.param) as url:
        yield url


@pytest.fixture
def newest_admin_url():
    with temporary_home() as home, tcp_server(home, "18") as url:
        yield url


def create_logins(home, admin_url, *arguments, **variables):
    return subprocess.run(
        [
            sys.executable,
            str(ROOT / "manage.py"),
            "create_logins",
            "--admin-url",
            admin_url,
            *arguments,
        ],
        env=environment(home, **variables),
        capture_output=True,
        text=True,
    )


def exported(finished):
    """Return what a shell would have after the printed lines."""
    assert finished.returncode == 0, finished.stderr
    words = shlex.split(finished.stdout, comments=True)
    return dict(word.split("=", 1) for word in words if word != "export")


def execute(url, query, database=None):
    with psycopg.connect(
        url, autocommit=True, **({"dbname": database} if database else {})
    ) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else None


def test_it_prepares_a_server_and_prints_urls_that_work(admin_url, tmp_path):
    urls = exported(create_logins(tmp_path, admin_url))
    assert set(urls) == set(VARIABLES)
    for variable, name in zip(
        VARIABLES, ("chancery_app", "chancery_platform", "chancery_owner"), strict=True
    ):
        assert execute(urls[variable], "SELECT current_user, current_database()") == [
            (name, "chancery")
        ]
    attributes = (
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolinherit"
        " FROM pg_roles WHERE rolname = current_user"
    )
    assert execute(urls["DATABASE_OWNER_URL"], attributes) == [(False, True, True, False, True)]
    for variable in VARIABLES[:2]:
        assert execute(urls[variable], attributes) == [(False, False, False, False, False)]


def test_only_the_owner_makes_tables_and_databases_which_have_vectors(admin_url, tmp_path):
    urls = exported(create_logins(tmp_path, admin_url))
    owner = urls["DATABASE_OWNER_URL"]
    execute(owner, "CREATE TABLE t (v vector(3))")
    execute(owner, "CREATE DATABASE test_chancery")
    execute(owner, "CREATE TABLE t (v vector(3))", database="test_chancery")
    for variable in VARIABLES[:2]:
        for refused in (
            "CREATE TABLE u ()",
            "CREATE TEMPORARY TABLE u ()",
            "CREATE DATABASE u",
            "SET ROLE chancery_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                execute(urls[variable], refused)


def test_running_it_again_changes_no_password_and_puts_rights_right(admin_url, tmp_path):
    urls = exported(create_logins(tmp_path, admin_url))
    execute(admin_url, "ALTER ROLE chancery_app SUPERUSER BYPASSRLS INHERIT")
    execute(admin_url, "GRANT CREATE ON SCHEMA public TO PUBLIC", database="chancery")
    again = create_logins(tmp_path, admin_url)
    assert exported(again) == {}
    assert "chancery_app has the password it had" in again.stdout
    assert execute(
        urls["DATABASE_URL"],
        "SELECT rolsuper, rolbypassrls, rolinherit FROM pg_roles WHERE rolname = current_user",
    ) == [(False, False, False)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(urls["DATABASE_URL"], "CREATE TABLE u ()")


def test_passwords_are_changed_when_asked_for(newest_admin_url, tmp_path):
    urls = exported(create_logins(tmp_path, newest_admin_url))
    changed = exported(create_logins(tmp_path, newest_admin_url, "--new-passwords"))
    for variable in VARIABLES:
        assert connects(changed[variable])
        assert not connects(urls[variable])


def test_passwords_and_the_database_come_from_the_environment(newest_admin_url, tmp_path):
    address = newest_admin_url.rpartition("@")[2].removesuffix("/postgres")
    variables = {
        "DATABASE_URL": f"postgresql://chancery_app:p%40ss@{address}/elsewhere",
        "DATABASE_PLATFORM_URL": f"postgresql://chancery_platform:s%27t@{address}/elsewhere",
        "DATABASE_OWNER_URL": f"postgresql://chancery_owner:0w%20ner@{address}/elsewhere",
    }
    assert (
        exported(create_logins(tmp_path, newest_admin_url, SECRET_KEY="x" * 50, **variables)) == {}
    )
    assert all(map(connects, variables.values()))


def test_several_databases_are_prepared_when_named(newest_admin_url, tmp_path):
    urls = exported(create_logins(tmp_path, newest_admin_url, "--database", "one", "the other"))
    assert urls["DATABASE_URL"].endswith("/one")
    for database in ("one", "the other"):
        execute(urls["DATABASE_OWNER_URL"], "CREATE TABLE t (v vector(3))", database=database)


def test_a_login_that_would_inherit_rights_is_refused(newest_admin_url, tmp_path):
    exported(create_logins(tmp_path, newest_admin_url))
    execute(newest_admin_url, "GRANT chancery_platform TO chancery_app")
    refused = create_logins(tmp_path, newest_admin_url)
    assert refused.returncode == 1
    assert refused.stderr == (
        "CommandError: chancery_app is a member of chancery_platform, which would lend it rights: "
        "first run REVOKE chancery_platform FROM chancery_app.\n"
    )


def test_an_administrator_who_may_not_is_told_so(newest_admin_url, tmp_path):
    execute(newest_admin_url, "CREATE ROLE clerk LOGIN CREATEDB PASSWORD 'clerk'")
    url = newest_admin_url.replace(newest_admin_url.split("//")[1].split("@")[0], "clerk:clerk")
    refused = create_logins(tmp_path, url)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "CommandError: clerk may not prepare this server (permission denied"
    )
    assert refused.stderr.count("\n") == 1


def test_a_server_that_does_not_answer_is_told_without_the_password(tmp_path):
    url = f"postgresql://postgres:hidden@127.0.0.1:{free_port()}/postgres"
    refused = create_logins(tmp_path, url)
    assert refused.returncode == 1
    assert "--admin-url does not connect" in refused.stderr
    assert "hidden" not in refused.stderr


def test_a_url_of_another_user_is_refused(tmp_path):
    variables = {
        "DATABASE_URL": "postgresql://me:hidden@localhost/chancery",
        "SECRET_KEY": "x" * 50,
    }
    refused = create_logins(tmp_path, "postgresql://localhost", **variables)
    assert refused.returncode == 1
    assert "DATABASE_URL" in refused.stderr
    assert "chancery_app" in refused.stderr
    assert "hidden" not in refused.stderr
