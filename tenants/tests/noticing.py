"""Which checks fail: for tests that take a protection away and want to see it missed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

Checks = Mapping[str, Callable[[], None]]


def noticing(checks: Checks) -> list[str]:
    """The names of those that fail."""
    return [name for name, check in checks.items() if not _passes(check)]


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 (a test fails by any of them)
        return False
    return True


@contextmanager
def reported(title: str) -> Iterator[dict[str, list[str]]]:
    """A table to fill in, mutation by mutation, which `pytest -s` shows in the end."""
    table: dict[str, list[str]] = {}
    yield table
    print(f"\n{title}: {len(table)} mutations")  # noqa: T201
    for mutation, names in table.items():
        print(f"| {mutation} | {', '.join(names)} |")  # noqa: T201
