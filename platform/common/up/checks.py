"""What must hold before anything is started."""

import errno
import ipaddress
import shutil
import socket
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from common.home import InstallationError, explained

LEAST_FREE_BYTES = (
    200_000_000  # a new database takes 60 MB, its log as much again when it is written to
)


def check_address(host: str, port: int) -> None:
    """Raise InstallationError unless a server can listen there."""
    if not 0 < port < 65536:
        raise InstallationError(f"PORT={port} is no port: choose one from 1024 to 65535.")
    refusals: list[OSError] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise InstallationError(f"HOST={host} is no address: {error.strerror}.") from error
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
        except OSError as error:
            refusals.append(error)
    for refusal in refusals:
        if refusal.errno == errno.EADDRINUSE:
            raise InstallationError(
                f"Port {port} on {host} is in use: end what uses it, or choose another port with "
                f"PORT={port + 1}."
            )
        if refusal.errno == errno.EACCES:
            raise InstallationError(
                f"Port {port} is for root: choose one above 1023, such as PORT=8000."
            )
    # A name may stand for several addresses, and IPv6 may be off: one that works is enough.
    if len(refusals) == len(found):
        raise InstallationError(
            f"HOST={host} is no address of this machine: use 127.0.0.1, or 0.0.0.0 for all."
        )


def check_free_space(directory: Path) -> None:
    with explained(f"look at {directory}"):
        free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        raise InstallationError(
            f"The disk of {directory} is full ({free // 1_000_000} MB free, "
            f"{LEAST_FREE_BYTES // 1_000_000} MB needed): free some space, or set CHANCERY_HOME to "
            "a directory on another disk."
        )


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reachable_host(host: str) -> str:
    """Return a host name under which this machine reaches a server that listens on `host`."""
    return "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104 - nothing is bound here


def base_url(host: str, port: int) -> str:
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def is_live(host: str, port: int) -> bool:
    """Ask the web server whether it lives. Raise InstallationError when it answers, but not yes."""
    connection = HTTPConnection(reachable_host(host), port, timeout=1)
    try:
        connection.request("GET", "/health/live", headers={"Host": f"localhost:{port}"})
        status = connection.getresponse().status
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    if status != HTTPStatus.OK:
        raise InstallationError(
            f"The web server answers /health/live with status {status}, not 200: see above."
        )
    return True
