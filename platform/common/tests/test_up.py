"""`manage.py up` as a user runs it: what it starts, what it says, and what it leaves behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest

from common import embedded, logins
from common.home import ROOT, InstallationError
from common.tests.support import (
    environment,
    free_port,
    process_named,
    processes_of,
    temporary_home,
    until,
)
from common.tests.tcp_server import tcp_server
from common.up import checks

PROGRAMS = {
    "web": "uvicorn",
    "turns": "worker --queues turns",
    "ingestion": "worker --queues ingestion",
    "indexing": "index_organizations",
    "postgresql": "postgres -D",
}


@pytest.fixture
def home():
    with temporary_home() as home:
        yield home


class Up:
    """One running `manage.py up`."""

    def __init__(self, home, command=None, **variables):
        self.home = home
        self.port = free_port()
        self.errors = home / "stderr"
        variables = {"HOST": "127.0.0.1", "PORT": str(self.port)} | variables
        self.output = home / "stdout"
        with self.output.open("w") as output, self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command or [sys.executable, str(ROOT / "manage.py"), "up"],
                env=environment(home, **variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=ROOT,
            )

    def said(self):
        return self.output.read_text() + self.errors.read_text()

    def is_ready(self):
        assert self.process.poll() is None, self.said()
        return "Chancery is ready" in self.output.read_text()

    def is_live(self):
        with (
            contextlib.suppress(OSError),
            urlopen(f"http://127.0.0.1:{self.port}/health/live") as answer,
        ):
            return answer.status == 200
        return False

    def pid(self, name):
        return process_named(self.home, PROGRAMS[name])

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.process.wait(timeout=60)


@contextlib.contextmanager
def running_up(home, **options):
    up = Up(home, **options)
    try:
        until(up.is_ready)
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def refusal(home, **variables):
    """Run `up` where it cannot, and return the one line it says on standard error."""
    up = Up(home, **variables)
    assert up.process.wait(timeout=60) == 1, up.said()
    lines = up.errors.read_text().splitlines()
    assert len(lines) == 1, lines
    assert not processes_of(home)
    return lines[0]


def variables_of(pid):
    return dict(
        part.split("=", 1)
        for part in Path(f"/proc/{pid}/environ").read_text().split("\0")
        if "=" in part
    )


def execute(home, query):
    with psycopg.connect(
        host=str(embedded.socket_directory(home)),
        user=logins.OWNER,
        dbname="chancery",
        autocommit=True,
    ) as connection:
        return connection.execute(query).fetchone()


def test_it_starts_everything_and_ctrl_c_leaves_nothing(home):
    with running_up(
        home, DATABASE_OWNER_URL="postgresql://inherited", CHANCERY_LOGIN="owner"
    ) as up:
        assert up.is_live()
        for name in ("web", "turns", "ingestion"):
            variables = variables_of(up.pid(name))
            assert "DATABASE_OWNER_URL" not in variables
            assert variables.get("CHANCERY_LOGIN") != "owner"
            assert variables["CHANCERY_DEMO"] == "1"
        assert os.getpriority(os.PRIO_PROCESS, up.pid("ingestion")) == 10
        assert up.pid("indexing")
        assert f"http://127.0.0.1:{up.port}/admin/" in up.said()
        assert "owner@acme.example" in up.said()
        assert execute(home, "SELECT count(*) FROM tenants_organization") == (2,)
        up.stop()
        assert up.process.returncode == 0
        assert up.errors.read_text() == ""
        assert not processes_of(home)


def test_a_second_one_in_the_same_home_is_refused(home):
    up = Up(home)
    until(lambda: (home / "up.lock").exists() and "starts in" in up.said())
    second = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "up"],
        env=environment(home, PORT=str(free_port())),
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1
    assert second.stderr.startswith(f"CommandError: Chancery runs already in {home}")
    up.stop(signal.SIGTERM)
    assert up.process.returncode == 0
    assert not processes_of(home)


def test_a_busy_port_is_refused_before_anything_is_started(home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert f"Port {port} on 127.0.0.1 is in use" in refusal(home, PORT=str(port))
    assert not (home / "postgresql").exists()


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("192.0.2.1", 8000, "HOST=192.0.2.1 is no address of this machine"),
        ("no.such.host.invalid", 8000, "HOST=no.such.host.invalid is no address"),
        ("127.0.0.1", 70000, "PORT=70000 is no port"),
        ("127.0.0.1", 0, "PORT=0 is no port"),
    ],
)
def test_an_address_that_cannot_be_is_refused(host, port, reason):
    with pytest.raises(InstallationError, match=reason):
        checks.check_address(host, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_an_address_that_is_free_is_accepted(host):
    checks.check_address(host, free_port())


def test_only_loopback_addresses_are_loopback():
    assert all(map(checks.is_loopback, ["127.0.0.1", "127.1.2.3", "::1", "localhost"]))
    assert not any(map(checks.is_loopback, ["0.0.0.0", "::", "192.0.2.1", "example.com", ""]))


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PORT": "web"}, "PORT"),
        (
            {"DATABASE_URL": "postgresql://chancery_app:hidden@127.0.0.1:1/x"},
            "DATABASE_PLATFORM_URL",
        ),
        ({"DATABASE_URL": "nonsense:hidden"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://me:hidden@127.0.0.1:1/x"}, "DATABASE_URL"),
    ],
    ids=["port", "incomplete", "nonsense", "other user"],
)
def test_settings_that_cannot_be_are_refused_in_one_line(home, variables, reason):
    said = refusal(home, SECRET_KEY="x" * 50, **variables)
    assert reason in said
    assert "hidden" not in said


def test_data_of_another_version_are_refused_in_one_line(home):
    with embedded.running(home, durable=False):
        pass
    (home / "postgresql" / "data" / "PG_VERSION").write_text("17\n")
    assert "was made by PostgreSQL 17" in refusal(home)


def test_a_migration_that_fails_is_told_in_one_line(home):
    with embedded.running(home, durable=False):
        execute_only(home, "CREATE TABLE django_content_type ()")
    assert "`manage.py migrate` failed" in refusal(home)


def execute_only(home, query):
    with psycopg.connect(
        host=str(embedded.socket_directory(home)),
        user=logins.OWNER,
        dbname="chancery",
        autocommit=True,
    ) as connection:
        connection.execute(query)


def test_a_disk_that_is_nearly_full_is_refused(home):
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=50m,mode=711", "tmpfs", home]
        ).returncode
    ):
        pytest.skip("no disk can be mounted here")
    try:
        assert "is full (52 MB free, 200 MB needed)" in refusal(home)
    finally:
        subprocess.run(["umount", home], check=True)


# An external database


def three_urls(admin_url, home):
    printed = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "create_logins", "--admin-url", admin_url],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [
        line.removeprefix("export ") for line in printed.splitlines() if line.startswith("export ")
    ]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.long
def test_an_external_database_is_migrated_and_gets_no_demo(home):
    with tcp_server(home, "16") as admin_url:
        urls = three_urls(admin_url, home)
        with running_up(home, SECRET_KEY="x" * 50, CHANCERY_DEMO="", **urls) as up:
            assert up.is_live()
            for name in ("web", "turns", "ingestion"):
                variables = variables_of(up.pid(name))
                assert variables["DATABASE_URL"] == urls["DATABASE_URL"]
                assert "DATABASE_OWNER_URL" not in variables
                assert "CHANCERY_DEMO" not in variables
            assert "example" not in up.said()
            assert "createsuperuser" in up.said()
            with psycopg.connect(urls["DATABASE_OWNER_URL"]) as connection:
                assert connection.execute(
                    "SELECT count(*) FROM tenants_organization"
                ).fetchone() == (0,)
            assert not (home / "postgresql" / "data").exists()
            up.stop()
        # Each way it may be wrong, told in one line.
        refused = refusal(
            home, SECRET_KEY="x" * 50, **urls | {"DATABASE_URL": swapped(urls["DATABASE_URL"])}
        )
        assert "DATABASE_URL does not connect" in refused
        assert "password authentication failed" in refused
        with psycopg.connect(admin_url, dbname="chancery", autocommit=True) as connection:
            connection.execute("DROP EXTENSION vector CASCADE")
        assert "has no pgvector" in refusal(home, SECRET_KEY="x" * 50, **urls)
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("ALTER ROLE chancery_app BYPASSRLS")
        assert "does not have the rights it should" in refusal(home, SECRET_KEY="x" * 50, **urls)


def swapped(url):
    return url.replace(url.split(":")[2].split("@")[0], "wrong")


def test_a_database_that_does_not_answer_is_told_without_its_password(home):
    urls = {
        variable: f"postgresql://chancery_{name}:hidden@127.0.0.1:1/chancery"
        for variable, name in {
            "DATABASE_URL": "app",
            "DATABASE_PLATFORM_URL": "platform",
            "DATABASE_OWNER_URL": "owner",
        }.items()
    }
    said = refusal(home, SECRET_KEY="x" * 50, **urls)
    assert "DATABASE_URL does not connect (" in said
    assert "hidden" not in said


# Crashes


@pytest.mark.long
def test_what_is_killed_comes_back(home):
    with running_up(home) as up:
        for name in ("web", "turns", "ingestion"):
            first = up.pid(name)
            os.kill(first, signal.SIGKILL)
            until(lambda name=name, first=first: up.pid(name) not in (None, first))
        until(up.is_live)
        first = up.pid("postgresql")
        os.kill(first, signal.SIGKILL)
        until(lambda: database_answers(home))
        assert up.pid("postgresql") != first
        until(up.is_live)
        up.stop()
        assert up.process.returncode == 0
        assert not processes_of(home)


def database_answers(home):
    with contextlib.suppress(psycopg.OperationalError):
        return execute(home, "SELECT 1") == (1,)


@pytest.mark.long
def test_killed_itself_it_takes_all_with_it_and_starts_again(home):
    with running_up(home) as up:
        up.process.kill()
        up.process.wait()
        until(lambda: not processes_of(home))
    with running_up(home) as up:
        assert up.is_live()
        assert execute(home, "SELECT count(*) FROM tenants_organization") == (2,)


@pytest.mark.long
def test_killed_at_any_time_while_starting_it_leaves_what_can_be_started(home):
    """Each time a little later: in initdb, in the logins, in the migrations, in the demo."""
    for hundredths in range(20, 600, 45):
        up = Up(home)
        with contextlib.suppress(subprocess.TimeoutExpired):
            up.process.wait(timeout=hundredths / 100)
        up.process.kill()
        up.process.wait()
        until(lambda: not processes_of(home))
    with running_up(home) as up:
        assert up.is_live()
        assert execute(home, "SELECT count(*) FROM tenants_organization") == (2,)


@pytest.mark.long
def test_make_run_starts_it_and_takes_it_along_when_killed(home):
    with running_up(home, command=["make", "run"]) as up:
        assert up.is_live()
        up.process.kill()
        up.process.wait()
        until(lambda: not processes_of(home))


@pytest.mark.long
def test_elsewhere_than_on_loopback_there_is_no_demo(home):
    with running_up(home, HOST="0.0.0.0", CHANCERY_DEMO="") as up:
        assert "CHANCERY_DEMO" not in variables_of(up.pid("web"))
        assert "demo" not in up.said().replace("no demo accounts", "")
        assert execute(home, "SELECT count(*) FROM tenants_organization") == (0,)
