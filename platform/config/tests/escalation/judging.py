"""What was achieved against what is allowed."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Achieved(NamedTuple):
    """Somebody changed something: `what` is told by `escalation.telling`."""

    actor: str
    way: str
    target: str
    what: str


class Rule(NamedTuple):
    """These people may do this to these rows. Each is a list in words; `what` is parted by ";"."""

    actors: str
    way: str
    targets: str
    what: str

    def allows(self, one: Achieved) -> bool:
        return (
            one.actor in self.actors.split()
            and one.way == self.way
            and one.target in (self.targets.split() or [""])
            and one.what in self.whats()
        )

    def whats(self) -> list[str]:
        return [what.strip() for what in self.what.split(";")]


def complaints(found: Iterable[Achieved], rules: list[Rule], actor: str) -> Iterator[str]:
    """What no rule allows, and what rules allow and nobody could do any longer."""
    found = set(found)
    for one in sorted(found):
        if not any(rule.allows(one) for rule in rules):
            yield (
                f"{one.actor} did what escalation/ allows nobody of that kind:"
                f" {one.way} of {one.target or 'a new row'}: {one.what}"
            )
    for rule in rules:
        if actor not in rule.actors.split():
            continue
        mine = {one for one in found if one.way == rule.way and rule.allows(one)}
        for what in rule.whats():
            if what not in {one.what for one in mine}:
                yield f"{actor} is allowed, and could not do: {rule.way}: {what}"
        for target in rule.targets.split():
            if target not in {one.target for one in mine}:
                yield f"{actor} is allowed, and could do nothing: {rule.way} of {target}"
