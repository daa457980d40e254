"""What was achieved, in short.

"name": the field `name` changed and nothing else did. "roles:own": the row called "own" was given.
"does>+Project": what a request does by itself. "name>other": what else changed.

Rows are "+Model" and "-Model", deleted ones "~Model". What follows from rows that come and go is
left out: counters, and what belongs to a deleted row (`tenants.deletion`).
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tenants import counters
from tenants.belongings import reachable

DELETION = ("is_deleted", "deleted_at", "deletion_id")

Changes = dict[str, list[tuple[str, Any]]]  # by field: (label, value)


def told(sent: str, names: set[str], model: Any = None) -> str:
    plain = folded(names, model)
    field = sent.partition(":")[0]
    if plain and all(_is_own(name, field, model) for name in plain):
        return sent
    return f"{sent}>{' '.join(sorted(plain))}"


def all_of(what: str, facts: Any, model: Any) -> Iterator[str]:
    """What a request does, new rows as one."""
    if names := {name.partition(".")[0] if name[0] == "+" else name for name, _ in facts}:
        yield told(what, names, model)


def folded(names: set[str], model: Any) -> set[str]:
    plain = set()
    for name in names:
        row, _, field = name.partition(".")
        plain.add(f"~{row}" if field in DELETION else name)
    if any(name[0] in "+-~" for name in plain):
        plain -= {f"{c.holder.partition('.')[2]}.{c.field}" for c in counters.COUNTERS}
    if model is not None and f"~{model.__name__}" in plain and hasattr(model, "deletion_id"):
        plain -= {f"~{other.__name__}" for other in reachable(model) if other is not model}
    return plain


def is_of_globex(what: str) -> bool:
    """Whether all that changed is another organization's."""
    changed = what.partition(">")[2].split()
    return bool(changed) and all(name.lstrip("+-~").startswith("globex:") for name in changed)


def what_fields_do(
    changes: Changes, differs: Callable[..., set[str] | None], model: Any
) -> Iterator[str]:
    """Try each value of each field alone; plain columns at once, where that changes them all.

    `differs` sends fields and returns what that changes, None when it was refused.
    """
    plain = {
        name: values[0][1]
        for name, values in changes.items()
        if len(values) == 1
        and not values[0][0]
        and not isinstance(values[0][1], SimpleUploadedFile)
    }
    at_once = (differs(**plain) if len(plain) > 1 else None) or set()
    done = {name for name in plain if any(_is_own(one, name, model) for one in at_once)}
    yield from sorted(done)
    rest = {name for name in at_once if not any(_is_own(name, field, model) for field in done)}
    if rest:
        yield told("together", rest, model)
    for name, values in changes.items():
        for label, value in values if name not in done else ():
            if changed := differs(**{name: value}):
                yield told(f"{name}:{label}" if label else name, changed, model)


def _is_own(name: str, field: str, model: Any) -> bool:
    """Whether a change is that of the field itself: its column, or the rows that link it."""
    row, _, column = name.lstrip("+-").partition(".")
    if column == field and (model is None or row == model.__name__):
        return True
    links = {
        relation.remote_field.through.__name__
        for relation in (model._meta.many_to_many if model else ())
        if relation.name == field.removeprefix("granted_")
    }
    return row in links
