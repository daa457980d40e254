"""A PostgreSQL as an installation finds it elsewhere: reached over TCP, with passwords."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from common.embedded import place as places
from common.supervisor import Process, Supervisor
from common.supervisor.output import Terminal
from common.tests.support import connects, free_port

VERSIONS = {"16": "pginstall", "18": "pginstall18"}  # both come with the package
ADMIN_PASSWORD = "a'dmin:secret@"


@contextlib.contextmanager
def tcp_server(directory: Path, version: str) -> Iterator[str]:
    """Run a server that asks everybody for a password, and yield its administrator's URL."""
    installed = places.prepare_place(directory, lambda line: None)
    account = installed.account
    programs = installed.programs.parents[1] / VERSIONS[version] / "bin"
    data, password, port = directory / "postgresql" / "server", directory / "password", free_port()
    password.write_text(ADMIN_PASSWORD)
    with Supervisor(Terminal(None)) as supervisor:

        def process(*command: object) -> Process:
            return Process("server", list(map(str, command)), account=account)

        supervisor.run(
            process(
                *(programs / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256"),
                *(f"--pwfile={password}", "--no-sync"),
            )
        )
        supervisor.start(
            process(
                *(programs / "postgres", "-D", data, "-p", port, "-c", "fsync=off"),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            )
        )
        url = f"postgresql://postgres:a%27dmin%3Asecret%40@127.0.0.1:{port}/postgres"
        assert supervisor.wait_until(lambda: connects(url), 60)
        yield url
