"""How the embedded PostgreSQL's data are made, how it starts, and how an earlier one is ended."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from common.embedded.place import Place
from common.home import InstallationError, explained
from common.supervisor import Process
from common.supervisor.process import launch

VERSION = "18"
SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "",  # the socket alone, in a directory of its account alone
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",  # the index over the vectors of 100,000 passages takes half of it
    "cluster_name": "chancery",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u ",
    "lc_messages": "C",
}
# A crash of the machine may ruin the data: for databases that are thrown away.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def server_process(place: Place, log: Path, *, durable: bool) -> Process:
    """Describe the server to the supervisor."""
    settings = (
        SETTINGS
        | {"unix_socket_directories": _quoted(place.sockets)}
        | ({} if durable else NOT_DURABLE)
    )
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Process(
        name="postgresql",
        command=[str(place.programs / "postgres"), "-D", str(place.data), *options],
        log=log,
        keeps_own_log=True,
        account=place.account,
        # Disconnect everybody and stop; else stop without tidying up and recover at the next start.
        stop=((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)),
        death_signal=signal.SIGINT,
        stops_last=True,
        before_start=lambda: end_leftovers(place),
    )


def _quoted(directory: Path) -> str:
    """Return one directory as PostgreSQL writes a list of them."""
    return '"' + str(directory).replace('"', '""') + '"'


def initialize(place: Place, *, durable: bool) -> None:
    """Make the data directory when there is none: all or nothing. Refuse another version's."""
    if place.data.exists():
        _check_version(place.data)
        return
    partial = place.directory / "data.new"
    with explained(f"make the database in {place.data}"):
        shutil.rmtree(partial, ignore_errors=True)
        _run_initdb(place, partial, durable=durable)
        partial.rename(place.data)


def _run_initdb(place: Place, target: Path, *, durable: bool) -> None:
    command = [
        str(place.programs / "initdb"),
        "-D",
        str(target),
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--encoding=UTF8",
    ]
    # The order of text does not depend on the C library: an upgrade of that spoils no index.
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not durable:
        command.append("--no-sync")
    initdb = launch(Process("initdb", command, account=place.account), subprocess.PIPE)
    said = initdb.communicate()[0].decode(errors="replace")
    if initdb.returncode:
        shutil.rmtree(target, ignore_errors=True)
        raise InstallationError(explain(said, f"PostgreSQL's data could not be made in {target}"))


def _check_version(data: Path) -> None:
    file = data / "PG_VERSION"
    with explained(f"read {file}"):
        found = file.read_text().strip() if file.exists() else ""
    if not found:
        raise InstallationError(
            f"{data} holds no PostgreSQL database: move it away, and a new one is made."
        )
    if found != VERSION:
        raise InstallationError(
            f"The database in {data} was made by PostgreSQL {found}, and this is {VERSION}: "
            f"dump it with PostgreSQL {found}, or move it away to start with a new one."
        )


def is_ready(place: Place) -> bool:
    """Return whether the server says that it takes connections.

    What it says is its own: an earlier server's note is removed before it starts.
    """
    with contextlib.suppress(OSError):
        lines = (place.data / "postmaster.pid").read_text().splitlines()
        return len(lines) >= 8 and lines[7].strip() == "ready"
    return False


def explain(said: str, what_failed: str) -> str:
    """Return in one sentence what failed, with the reason PostgreSQL gave."""
    if "No space left on device" in said:
        return f"{what_failed}: the disk is full. Free some space and start again."
    for line in reversed(said.splitlines()):
        for mark in ("PANIC:", "FATAL:", "error:"):
            if mark in line:
                return f"{what_failed}: {line.split(mark, 1)[1].strip().rstrip('.')}."
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return f"{what_failed}: {last[0].rstrip('.')}."


def end_leftovers(place: Place) -> None:
    """End what an earlier server left running on these data, and remove its note.

    The caller holds the lock on the data, so that such a server is nobody's any more. Where the
    system has no /proc to find it by, PostgreSQL's own check of the note must do.
    """
    if not Path("/proc/self/cwd").exists():
        return
    note = place.data / "postmaster.pid"
    # SIGINT lets a server stop in order; backends that lost theirs need more.
    for number, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        leftovers = set(_server_processes(place))
        if not leftovers:
            break
        for pid in leftovers & _noted(note) if number == signal.SIGINT else leftovers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while any(_server_processes(place)) and time.monotonic() < deadline:
            time.sleep(0.05)
    if any(_server_processes(place)):
        raise InstallationError(
            f"An earlier PostgreSQL on {place.data} does not end: end it first."
        )
    # Its number may be another program's by now, which PostgreSQL would take for a server.
    note.unlink(missing_ok=True)


def _noted(note: Path) -> set[int]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return {int(note.read_text().splitlines()[0])}
    return set()


def _server_processes(place: Place) -> Iterator[int]:
    """Yield the numbers of PostgreSQL's processes that have the data as their directory: all do."""
    data = str(place.data.resolve())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                program = (entry / "exe").readlink().name.removesuffix(" (deleted)")
                if program == "postgres" and str((entry / "cwd").readlink()) == data:
                    yield int(entry.name)
