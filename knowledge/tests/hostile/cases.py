"""What a hostile file is: a name, its bytes, and what must come of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

# A server of this machine, to which some files refer. Its port is put in when a file is made.
SERVER = b"http://127.0.0.1:44444"


@dataclass(frozen=True)
class Case:
    """`says` is in the text of a file that must be read. With `reason`, a pattern, the file must be
    refused. With neither, either may happen. A slow one takes more than two seconds of a processor.
    """

    name: str
    make: Callable[[], bytes]
    says: str | None = None
    reason: str | None = None
    is_slow: bool = False

    def content(self, port: int) -> bytes:
        """The bytes of the file, the same each time but for the port. No length in it changes."""
        return self.make().replace(SERVER, re.sub(rb"\d+$", b"%05d" % port, SERVER))


CASES: dict[str, Case] = {}

Make = Callable[..., bytes]


def case(
    name: str, *, says: str | None = None, reason: str | None = None, is_slow: bool = False
) -> Callable[[Make], Make]:
    """Add a file to the cases; `name` is what it is uploaded as."""

    def add(make: Make) -> Make:
        _add(Case(name, make, says, reason, is_slow))
        return make

    return add


def variants(name: str, make: Make, values: list, **expected: str | None) -> None:
    """Add a file for each value; `name` has a place for it."""
    for value in values:
        _add(Case(name.format(value), partial(make, value), **expected))  # type: ignore[arg-type]


def _add(new: Case) -> None:
    assert new.name not in CASES, new.name
    CASES[new.name] = new
