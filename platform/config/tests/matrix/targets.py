"""What the parameters of a path name, and the rows that are put there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from config.tests.matrix.actors import Actor
from config.tests.matrix.patterns import Pattern
from config.tests.matrix.world import JOB, World
from tenants.control_plane import platform_models

OWN, COUSIN, OTHER, DELETED, RANDOM = "own", "cousin", "other", "deleted", "random"
OTHERS_DELETED = "other's deleted"

# Parameters that are no ids: what stands there instead. By pattern and parameter, or parameter.
# A link of a mail is nobody's here; those of somebody are bodies of the API's (`bodies.Link`).
PLAIN = {"app_label": "tenants", "url": "nothing/", "uidb64": "bm9ib2R5", "token": "none-at-all"}
# Ids that neither the viewset nor the admin explains: "pattern parameter" to the label of a model.
NAMED = {
    "admin:tenants_user_set_password object_id": "tenants.User",
    "admin:auth_user_password_change id": "tenants.User",
    "admin:tenants_organization_act object_id": "tenants.Organization",
    "admin:agents_agentconfig_versions object_id": "agents.AgentConfig",
    "openai-model model": "agents.AgentConfig",
    "project-grant-detail pk": "tenants.ProjectUserGrant",
    "agent-grant-detail pk": "agents.AgentUserGrant",
    "document-grant-detail pk": "knowledge.DocumentUserGrant",
}
# Rows of nobody: the same for all organizations.
SHARED = {"tenants.Permission"}

_NOBODYS = {JOB: "999999999"}
_NOBODYS_UUID = "0199f0a0-7c1e-7b3a-9d55-3f1c6d1b2a4e"


@dataclass(frozen=True)
class Target:
    """Values for the parameters of a path, and what kind of row each is."""

    kinds: tuple[str, ...]
    values: tuple[str, ...]

    def is_legitimate(self, kind: str) -> bool:
        return all(found == kind for found in self.kinds)


def labels(pattern: Pattern) -> list[str | None]:
    """The model that each parameter names by its id, None for one that is no id."""
    return [None if name in PLAIN else _label(pattern, name) for name in pattern.parameters]


def _label(pattern: Pattern, parameter: str) -> str:
    if found := NAMED.get(f"{pattern.name} {parameter}"):
        return found
    if pattern.page:
        return pattern.page[0]._meta.label
    view = pattern.viewset
    if parameter == getattr(view, "parent_kwarg", None):
        return view.parents.model._meta.label
    if view is not None and parameter == (view.lookup_url_kwarg or view.lookup_field):
        model = view.queryset.model
        if parameter == "pk":
            return model._meta.label
        return model._meta.get_field(parameter.removesuffix("_id")).related_model._meta.label
    raise AssertionError(
        f"{pattern.name}: what does {parameter!r} in {pattern.route!r} name? "
        "Say so in config/tests/matrix/targets.py: NAMED (an id of a model) or PLAIN (no id)."
    )


def targets(pattern: Pattern, actor: Actor, world: World) -> list[Target]:
    """Every mix of rows for the path, the actor's own first."""
    named = labels(pattern)
    choices = [[*_kinds(label, actor, world, is_nested=len(named) > 1)] for label in named]
    return [target_of(pattern, kinds, actor, world) for kinds in product(*choices)]


def target_of(pattern: Pattern, kinds: tuple[str, ...], actor: Actor, world: World) -> Target:
    values = [
        PLAIN[name] if label is None else value_of(label, kind, actor, world)
        for name, label, kind in zip(pattern.parameters, labels(pattern), kinds, strict=True)
    ]
    return Target(kinds, tuple(values))


def reference_of(pattern: Pattern, target: Target, actor: Actor, world: World) -> Target:
    """The target with random ids from where its rows stop belonging together."""
    named, kinds = labels(pattern), list(target.kinds)
    first = kinds[0]
    together = first in (OWN, COUSIN)
    for place, kind in enumerate(kinds):
        if named[place] is None:
            continue
        together = together and kind == first
        if not together:
            kinds[place] = RANDOM
    return target_of(pattern, tuple(kinds), actor, world)


def value_of(label: str, kind: str, actor: Actor, world: World) -> str:
    """The id of a row of this kind, as it stands in a path or a body."""
    if kind == RANDOM:
        return _NOBODYS.get(label, _NOBODYS_UUID)
    side = world.sides[actor.other if kind in (OTHER, OTHERS_DELETED) else actor.slug]
    rows = {COUSIN: side.cousin, DELETED: side.deleted, OTHERS_DELETED: side.deleted}
    return str(rows.get(kind, side.own)[label].pk)


def is_hidden(label: str, actor: Actor) -> bool:
    """Whether another organization's row is hidden from the actor, as from platform staff not."""
    if not actor.is_staff:
        return True
    return label not in {model._meta.label for model in platform_models()} | {JOB, *SHARED}


def _kinds(label: str | None, actor: Actor, world: World, *, is_nested: bool) -> Iterator[str]:
    yield OWN
    if label is None:
        return
    if label not in SHARED:
        side = world.sides[actor.slug]
        if is_nested and label in side.cousin:
            yield COUSIN
        yield OTHER
        if label in side.deleted:
            yield DELETED
    yield RANDOM
