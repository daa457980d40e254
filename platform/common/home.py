"""The directory an installation keeps its files in, and the secrets it makes for itself there.

Settings, `manage.py up` and the embedded database read it before Django is set up: no Django here.
"""

import base64
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class InstallationError(Exception):
    """What stands in the way of running here and what to do about it, in a sentence."""


def home_directory() -> Path:
    """Return $CHANCERY_HOME, or `var` in the checkout. It may not exist yet."""
    named = os.environ.get("CHANCERY_HOME", "")
    return (Path(named).expanduser() if named else ROOT / "var").resolve()


def make_home() -> Path:
    """Return the home directory, made when missing: nobody else may look into it."""
    home = home_directory()
    # PostgreSQL does not run as root: its account must pass through root's home to reach its data.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    with explained(f"make the directory {home} (CHANCERY_HOME names another)"):
        home.mkdir(mode=mode, parents=True, exist_ok=True)
    return home


def secret(name: str) -> str:
    """Return the secret of that name: SECRET_KEY, or FIELD_KEYS (a key that Fernet takes).

    It is made once and kept in `secrets.json`; processes that ask at the same time get the same.
    """
    file = home_directory() / "secrets.json"
    return _read(file).get(name) or _make_missing(make_home() / "secrets.json")[name]


@contextmanager
def held(file: Path, otherwise: str) -> Iterator[None]:
    """Hold the lock that `file` stands for; raise InstallationError(otherwise) when another does.

    The lock ends with the process that holds it, however that ends.
    """
    with explained(f"write {file}"):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InstallationError(otherwise) from error
        yield
    finally:
        os.close(descriptor)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an operating system's error inside into "Chancery cannot <what>: <reason>."."""
    try:
        yield
    except OSError as error:
        raise InstallationError(f"Chancery cannot {what}: {error.strerror or error}.") from error


def _secret_key() -> str:
    return secrets.token_urlsafe(64)


def _field_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


_MAKERS = {"SECRET_KEY": _secret_key, "FIELD_KEYS": _field_key}


def _read(file: Path) -> dict[str, str]:
    try:
        with explained(f"read {file}"):
            text = file.read_text() if file.exists() else "{}"
        return {name: str(value) for name, value in dict(json.loads(text)).items()}
    except (TypeError, ValueError) as error:
        raise InstallationError(
            f"{file} is damaged: restore it, or what it encrypted is lost."
        ) from error


def _make_missing(file: Path) -> dict[str, str]:
    """Write `file` anew, with a value for every secret it lacks, and return what it holds."""
    with explained(f"write {file}"):
        lock = os.open(file.parent, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = _read(file)
            for name in _MAKERS.keys() - found.keys():
                found[name] = _MAKERS[name]()
            _replace(file, json.dumps(found, indent=1) + "\n")
        finally:
            os.close(lock)
    return found


def _replace(file: Path, text: str) -> None:
    """Write a file that only its owner may read; a reader finds the old text or all of the new."""
    # mkstemp makes the file with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink()
        raise
