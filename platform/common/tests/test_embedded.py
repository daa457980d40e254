"""The embedded PostgreSQL: made, found, ended, and taken up again after every kind of death."""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from common import embedded, logins
from common.embedded import place as places
from common.embedded import server
from common.home import ROOT, InstallationError
from common.supervisor import Account
from common.supervisor.output import Terminal
from common.supervisor.supervisor import Supervisor
from common.tests.support import environment, processes_of, run_python, temporary_home, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root")

# The server in a process of its own, which restarts it: `run_python(home, SERVE, home)`.
SERVE = """
import sys
from pathlib import Path
from common import embedded
from common.supervisor import Stopped, Supervisor
from common.supervisor.output import Terminal
with Supervisor(Terminal(None)) as supervisor, supervisor.stopped_by_signals():
    with embedded.started(supervisor, Path(sys.argv[1]), say=print, durable=False):
        print("ready", flush=True)
        try:
            supervisor.supervise()
        except Stopped:
            print("stopped")
"""


@pytest.fixture(scope="session")
def prepared():
    """A home whose database has been made, to be copied: making one takes a second of work."""
    with temporary_home() as home:
        with embedded.running(home, durable=False):
            pass
        yield home


@pytest.fixture
def new_home(monkeypatch):
    with temporary_home() as home:
        monkeypatch.setenv("CHANCERY_HOME", str(home))
        yield home


@pytest.fixture
def home(new_home, prepared):
    # Ownership too: root's database belongs to another account.
    subprocess.run(["cp", "-a", prepared / "postgresql", new_home], check=True)
    return new_home


def connect(home, login, database=embedded.DATABASE):
    return psycopg.connect(
        host=str(embedded.socket_directory(home)),
        port=5432,
        user=login,
        dbname=database,
        autocommit=True,
    )


def answers(home):
    with contextlib.suppress(psycopg.OperationalError), connect(home, logins.APP) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def postmaster(home):
    return int((home / "postgresql" / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_settings_name_the_server_before_it_runs(new_home):
    found = embedded.database_settings(logins.APP)
    with embedded.running(new_home, durable=False):
        connection = psycopg.connect(
            dbname=found["NAME"], user=found["USER"], host=found["HOST"], port=found["PORT"]
        )
        with connection:
            assert connection.execute("SELECT current_user").fetchone() == ("chancery_app",)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not processes_of(new_home)


def test_what_was_written_is_there_after_the_next_start(home):
    with embedded.running(home, durable=False), connect(home, logins.OWNER) as connection:
        connection.execute("CREATE TABLE kept (vector vector(2))")
        connection.execute("INSERT INTO kept VALUES ('[1, 2]')")
    with embedded.running(home, durable=False), connect(home, logins.OWNER) as connection:
        assert connection.execute("SELECT vector::text FROM kept").fetchone() == ("[1,2]",)


def test_a_database_that_the_owner_makes_has_vectors(home):
    with embedded.running(home, durable=False):
        with connect(home, logins.OWNER) as connection:
            connection.execute("CREATE DATABASE test_chancery")
        with connect(home, logins.OWNER, "test_chancery") as connection:
            connection.execute("CREATE TABLE t (v vector(3))")


def test_only_its_account_may_enter_its_directories(home):
    with embedded.running(home, durable=False):
        for name in ("", "data", "socket"):
            assert (home / "postgresql" / name).stat().st_mode & 0o077 == 0


def test_a_home_too_deep_for_a_socket_has_it_elsewhere(new_home):
    deep = new_home / ("deep" * 20) / "home"
    directory = embedded.socket_directory(deep)
    assert len(str(directory)) < 60
    try:
        with embedded.running(deep, durable=False):
            assert answers(deep)
            assert directory.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize("name", ["two words", "a,b", """quo"ted's""", "ümlaut"])
def test_a_home_may_have_any_name(home, name):
    named = home / name
    named.mkdir(mode=0o711)
    (home / "postgresql").rename(named / "postgresql")
    with embedded.running(named, durable=False):
        assert answers(named)
    if "," in name:
        shutil.rmtree(embedded.socket_directory(named))


@as_root
def test_a_socket_directory_that_somebody_else_made_is_refused(new_home):
    deep = new_home / ("deep" * 20) / "home"
    directory = embedded.socket_directory(deep)
    directory.mkdir()
    os.chown(directory, 12345, 12345)
    try:
        with pytest.raises(InstallationError, match="belongs to somebody else"):
            embedded.socket_directory(deep)
    finally:
        directory.rmdir()


def test_a_second_process_is_refused(home):
    with embedded.running(home, durable=False):
        second = run_python(home, SERVE, home)
        assert "Another process runs the database" in second.communicate()[0]
        assert answers(home)


def test_another_versions_data_are_left_alone_and_explained(home):
    (home / "postgresql" / "data" / "PG_VERSION").write_text("16\n")
    with (
        pytest.raises(InstallationError, match="was made by PostgreSQL 16, and this is 18"),
        embedded.running(home),
    ):
        pass
    (home / "postgresql" / "data" / "PG_VERSION").unlink()
    with (
        pytest.raises(InstallationError, match="holds no PostgreSQL database"),
        embedded.running(home),
    ):
        pass


def test_an_initdb_that_was_cut_short_is_done_again(new_home):
    place = places.prepare_place(new_home, print)
    partial = place.directory / "data.new"
    partial.mkdir()
    (partial / "PG_VERSION").write_text("18\n")
    with embedded.running(new_home, durable=False):
        assert answers(new_home)
    assert not partial.exists()


def test_a_server_that_cannot_start_says_why(home):
    (home / "postgresql" / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(InstallationError, match="contains errors"), embedded.running(home):
        pass
    assert not processes_of(home)


def test_the_last_fatal_line_is_the_reason():
    said = "12:00 LOG:  starting\n12:00 FATAL:  could not map memory.\n12:00 LOG:  down\n"
    assert server.explain(said, "It does not start") == "It does not start: could not map memory."
    assert "disk is full" in server.explain(
        "PANIC: could not write: No space left on device", "It ended"
    )
    assert server.explain("", "It ended") == "It ended: it said nothing."


def test_a_killed_server_is_started_again(home):
    with run_python(home, SERVE, home) as runner:
        wait_for_ready(runner)
        first = postmaster(home)
        os.kill(first, signal.SIGKILL)
        until(lambda: answers(home) and postmaster(home) != first)
        runner.terminate()
        assert runner.stdout.read() == "stopped\n"
    assert not processes_of(home)


def test_a_killed_runner_takes_the_server_with_it(home):
    with run_python(home, SERVE, home) as runner:
        wait_for_ready(runner)
        runner.kill()
    until(lambda: not processes_of(home))
    with embedded.running(home, durable=False):
        assert answers(home)


def wait_for_ready(runner):
    for line in runner.stdout:
        if line == "ready\n":
            return
    raise AssertionError("it ended before it was ready")


def start_unsupervised(place):
    """Start the server as nobody's child, as one that survived its supervisor would be."""
    account = place.account
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={place.sockets}"]
    who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    command = [place.programs / "postgres", "-D", place.data, *options]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **who
    )


def test_a_server_that_survived_an_earlier_run_is_ended_first(home):
    place = places.prepare_place(home, print)
    survivor = start_unsupervised(place)
    until(lambda: server.is_ready(place))
    with embedded.running(home, durable=False):
        assert answers(home)
        assert survivor.wait() == 0  # a fast shutdown, not a kill


def test_a_backend_that_survived_its_server_is_ended_first(home):
    place = places.prepare_place(home, print)
    survivor = start_unsupervised(place)
    until(lambda: server.is_ready(place))
    # Busy, it does not notice the server's death.
    busy = "SELECT count(*) FROM generate_series(1, 1e10::bigint)"
    asking = run_python(
        home,
        f"import psycopg; psycopg.connect(host={str(place.sockets)!r}, "
        f"user='chancery_app', dbname='chancery').execute({busy!r})",
    )
    until(lambda: any("SELECT" in title(pid) for pid in processes_of(home)))
    survivor.kill()
    survivor.wait()
    with embedded.running(home, durable=False):
        assert answers(home)
    asking.communicate()
    assert not processes_of(home)


def title(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return ""


def test_a_note_that_names_another_program_does_not_prevent_the_start(home):
    place = places.prepare_place(home, print)
    account = place.account
    who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    with subprocess.Popen(["sleep", "1000"], cwd=home, **who) as other:
        (place.data / "postmaster.pid").write_text(
            f"{other.pid}\n{place.data}\n1\n5432\n\n\n1 1\nready\n"
        )
        with embedded.running(home, durable=False):
            assert answers(home)
        assert other.poll() is None
        other.kill()


@as_root
def test_root_keeps_the_data_where_their_account_can_go(new_home, monkeypatch):
    monkeypatch.setattr(places, "SYSTEM_DIRECTORY", new_home / "system")
    private = new_home / "private"
    private.mkdir(mode=0o700)
    said = []
    with (
        Supervisor(Terminal(None)) as supervisor,
        embedded.started(supervisor, private, say=said.append, durable=False) as place,
    ):
        assert answers(private)
        assert place.directory.parent == new_home / "system"
    assert len(said) == 1
    assert str(place.directory) in said[0]
    assert private.stat().st_mode & 0o777 == 0o700
    with embedded.running(private, durable=False):  # found again
        assert places.prepare_place(private, print).directory == place.directory


@as_root
def test_root_copies_programs_that_their_account_cannot_reach(new_home):
    packages = new_home / "private" / "site-packages"
    packages.mkdir(parents=True)
    packages.parent.chmod(0o700)
    specification = importlib.util.find_spec(places.MODULE)
    installed = Path(specification.origin).parents[1]
    version = importlib.metadata.version(places.PACKAGE)
    for name in (
        places.MODULE,
        f"{places.MODULE}.libs",
        f"{places.MODULE}-{version}.dist-info",
    ):
        (packages / name).symlink_to(installed / name)
    script = f"""
        import sys
        sys.path.insert(0, {str(packages)!r})
        from pathlib import Path
        from common import embedded
        from common.embedded import place
        place.SYSTEM_DIRECTORY = Path({str(new_home / "system")!r})
        with embedded.running(Path(sys.argv[1]), durable=False):
            print(place.prepare_place(Path(sys.argv[1]), print).programs)
    """
    said = run_python(new_home, textwrap.dedent(script), new_home).communicate()[0]
    copy = new_home / "system" / f"{places.PACKAGE}-{version}"
    assert said.strip() == str(copy / places.PROGRAMS)


@as_root
@pytest.mark.parametrize("name", ["nobody"])
def test_it_runs_for_a_user_who_is_not_root(new_home, name):
    account = Account.named(name)
    python = reachable_python(account)
    os.chown(new_home, account.uid, account.gid)
    serve = SERVE.replace("supervisor.supervise()", "raise Stopped")
    finished = subprocess.run(
        [python, "-c", serve, str(new_home)],
        env=environment(
            new_home, PYTHONPATH=os.pathsep.join([str(ROOT / "platform"), site_packages()])
        ),
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert finished.stdout == "ready\nstopped\n", finished.stderr
    assert (new_home / "postgresql" / "data").stat().st_uid == account.uid
    # What was made by a user stays that user's when root runs it.
    with embedded.running(new_home, durable=False):
        assert answers(new_home)


def site_packages():
    return str(Path(psycopg.__file__).parents[1])


def reachable_python(account):
    """Return a Python of this version that the account can run; this one may lie in root's home."""
    version = sys.version_info[:2]
    test = f"import sys, psycopg; sys.exit(sys.version_info[:2] != {version})"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            finished = subprocess.run(
                [python, "-c", test],
                env={"PYTHONPATH": site_packages()},
                cwd="/",
                capture_output=True,
                user=account.uid,
                group=account.gid,
                extra_groups=[],
            )
            if finished.returncode == 0:
                return python
    pytest.skip("no Python here that another account can run")


@as_root
def test_a_full_disk_is_explained_and_leaves_nothing_behind(new_home):
    disk = new_home / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m,mode=711", "tmpfs", disk]
    ).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with pytest.raises(InstallationError, match="the disk is full"), embedded.running(disk):
            pass
        assert not list((disk / "postgresql").glob("data*"))
    finally:
        subprocess.run(["umount", disk], check=True)
