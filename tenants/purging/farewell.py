"""What other applications do before rows go for good, where no foreign key leads to theirs."""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

Verb = Callable[[Collection[Any]], None]

_verbs: dict[str, list[Verb]] = defaultdict(list)


def register(label: str, verb: Verb) -> None:
    """Have `verb` called with the primary keys of rows of a model, in the transaction that removes
    them and before it does."""
    _verbs[label].append(verb)


def before_removal(model: Any, keys: Collection[Any]) -> None:
    for verb in _verbs[model._meta.label] if keys else ():
        verb(keys)
