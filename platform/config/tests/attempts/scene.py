"""Acme with a cast of people and a row of everything, and Globex beside it; committed once."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from agents.baker_recipes import conversation_recipe, message_recipe
from agents.models import AgentConfig, Budget
from agents.testing import make_agent
from common.models import Entity
from config.tests.attempts.facts import Ledger
from knowledge.baker_recipes import document as document_recipe
from knowledge.models import Document
from tenants import counters, deletion
from tenants.api.testing import token_of
from tenants.baker_recipes import role_recipe
from tenants.context import acting_for
from tenants.grants import tables
from tenants.lookup import find_by_login
from tenants.models import AccessToken, Permission, Project, Role, User
from tenants.permissions import Permissions
from tenants.services import (
    add_member,
    create_project,
    create_user,
    set_permissions,
)
from tenants.testing import ORGANIZATIONS, organization_named
from tenants.tests.rows import make_one_of_each, make_row, make_staff_access, tenant_models

OWN_ROLES = {
    "people": [Permissions.USERS_ADD, Permissions.USERS_CHANGE],
    "roles": [Permissions.ROLES_CHANGE],
    "wide": list(Permissions),
    "empty": [],
}
# Who may come into the admin by the flag, so that it is their rights that are tried.
LET_IN = ("viewer", "member", "manager", "people", "roles", "deactivated")
ACMES = ("owner", *LET_IN, "boss")  # the boss is an owner whom nobody let into the admin
OF_A_BUDGET = {
    "project": "tenants.Project",
    "agent": "agents.AgentConfig",
    "user": "tenants.User",
}
SHARED = (Project, AgentConfig, Document)  # what can be granted
BACKEND = "tenants.backends.LoginBackend"


@dataclass
class Actor:
    """Somebody who asks; without a user, nobody."""

    name: str
    user: Any = None
    token: str = ""
    session: Any = None

    def api(self) -> APIClient:
        client = APIClient(raise_request_exception=False)
        if self.token:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        return client

    def browser(self) -> Any:
        """A new one each time: some requests change the session, which is undone with the rest."""
        client = Client(raise_request_exception=False)
        if self.session:
            client.cookies.load(self.session.cookies.output(header=""))
        return client


@dataclass(eq=False)
class Scene:
    """`rows[label][name]`: rows of a model by what they are to Acme's people.

    Every model has "own" (Acme's, of nobody who asks) and "other" (Globex's), most "deleted". What
    is different for each who asks ("self", "mine") stands in `personal`, by (label, name, actor).
    """

    acme: Any
    globex: Any
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    personal: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.acme, [self.globex])

    def row(self, model: Any, name: str, actor: str = "") -> Any:
        """The row of that name, or None where the model, or the actor, has none."""
        label = model._meta.label
        return self.personal.get((label, name, actor)) or self.rows.get(label, {}).get(name)

    def names(self, model: Any, actor: str) -> list[str]:
        label = model._meta.label
        personal = [name for other, name, who in self.personal if (other, who) == (label, actor)]
        return [*personal, *self.rows.get(label, {})]

    def targets(self, model: Any, actor: str) -> list[str]:
        """The rows at which an actor aims: for who may do most, one of each kind."""
        names = self.names(model, actor)
        if actor in ("foreigner", "staff"):
            names = [name for name in names if name != "other"]  # theirs as well
        if model._meta.label == "tenants.User" and actor in ("owner", "staff", "manager"):
            names = [name for name in names if name not in ("own", "peer", "viewer")]
        return names


def make_scene() -> Scene:
    """Commit it. The caller lets the database be used, and clears away."""
    acme, globex = (organization_named(slug) for slug in ORGANIZATIONS)
    scene = Scene(acme, globex)
    ours, theirs = make_one_of_each(acme), make_one_of_each(globex)
    scene.rows = {label: {"own": row} for label, row in ours.items()}
    for label in ours.keys() - {"tenants.Permission"}:
        scene.rows[label]["other"] = theirs[label]
    for name, organization in (("own", acme), ("other", globex)):
        access = make_staff_access(organization)
        scene.rows.setdefault("tenants.StaffAccess", {})[name] = access
    with acting_for(acme):
        _deleted_rows(scene, ours)
        _grants(scene)
        _people(scene)
        _content(scene)
        _actors(scene)
        counters.recount_all(acme.pk)
    scene.actors["foreigner"] = _signed_in("foreigner", find_by_login("globex-owner"))
    scene.actors["staff"] = _signed_in("staff", find_by_login("staff"))
    scene.actors["anonymous"] = Actor("anonymous")
    scene.rows["tenants.User"]["platform"] = scene.actors["staff"].user
    with acting_for(acme):
        User.objects.filter(username="acme-deactivated").update(is_active=False)
    return scene


def _deleted_rows(scene: Scene, made: dict[str, Any]) -> None:
    for model in tenant_models():
        label = model._meta.label
        if not issubclass(model, Entity) or label == "tenants.Organization":
            continue
        try:
            with transaction.atomic():
                given = {"period": "month"} if label == "agents.Budget" else {}
                row = make_row(model, made, "acme-gone", **given)
        except IntegrityError:
            continue  # there can be one of these only
        deletion.delete(row)
        scene.rows[label]["deleted"] = row


def _grants(scene: Scene) -> None:
    """Those to roles are taken back by the same way as those to users."""
    for model in SHARED:
        of_users, of_roles = (scene.rows[table._meta.label] for table in tables(model))
        of_users["role"] = of_roles["own"]


def _people(scene: Scene) -> None:
    roles = scene.rows["tenants.Role"]
    for name in ("Owner", "Viewer"):
        roles[name.lower()] = Role.objects.get(name=name, organization=None)
    for name, rights in OWN_ROLES.items():
        roles[name] = role_recipe.make(name=name.title())
        wanted = Permission.objects.filter(name__in=rights)
        set_permissions(role=roles[name], permissions=list(wanted))
    users = scene.rows["tenants.User"]
    for name, role in {
        "boss": "owner",
        "deactivated": "owner",
        "people": "people",
        "peer": "people",
        "roles": "roles",
        "nobody": None,
    }.items():
        person = create_user(
            organization=scene.acme,
            username=f"acme-{name}",
            email=f"{name}@acme.test",
            roles=[roles[role]] if role else [],
        )
        if name in ("boss", "peer", "nobody"):
            users[name] = person
    names = [f"acme-{name}" for name in LET_IN]
    User.objects.filter(username__in=names).update(is_staff=True)
    users["viewer"] = User.objects.get(username="acme-viewer")


def _content(scene: Scene) -> None:
    of = {name: scene.rows[label]["own"] for name, label in OF_A_BUDGET.items()}
    Budget.objects.filter(pk=scene.rows["agents.Budget"]["own"].pk).update(**of)
    owner = User.objects.get(username="acme-owner")
    projects = scene.rows["tenants.Project"]
    projects["joined"] = create_project(organization_id=scene.acme.pk, name="Joined")
    for name in ACMES:
        person = User.objects.get(username=f"acme-{name}")
        membership, _ = add_member(project=projects["joined"], user=person)
        scene.personal["tenants.ProjectMember", "self", name] = membership
        if name == "viewer":
            scene.rows["tenants.ProjectMember"]["viewer"] = membership
    projects["joined"].refresh_from_db()
    agents, documents = scene.rows["agents.AgentConfig"], scene.rows["knowledge.Document"]
    agents["shared"] = make_agent(by=owner, slug="shared")
    for name in ("joined", "own"):
        place = "joined" if name == "joined" else "unjoined"
        agents[place] = make_agent(by=owner, slug=place, project=projects[name])
        documents[place] = document_recipe.make(project=projects[name])


def _actors(scene: Scene) -> None:
    for name in ACMES:
        user = User.objects.get(username=f"acme-{name}")
        scene.personal["tenants.User", "self", name] = user
        for kind in ("mine", "mine-deleted"):
            scene.personal["agents.Conversation", kind, name] = conversation_recipe.make(
                user=user,
                agent=scene.rows["agents.AgentConfig"]["shared"],
                project=scene.rows["tenants.Project"]["joined"],
            )
        deletion.delete(scene.personal["agents.Conversation", "mine-deleted", name])
        reply = _reply(scene.personal["agents.Conversation", "mine", name])
        scene.personal["agents.Message", "mine", name] = reply
        if name == "owner":
            scene.rows["agents.Message"]["own"] = reply
        scene.actors[name] = _signed_in(name, user)
        token = AccessToken.objects.filter(user=user).get()
        scene.personal["tenants.AccessToken", "mine", name] = token
        if name == "boss":
            scene.rows["tenants.AccessToken"]["boss"] = token


def _reply(conversation: Any) -> Any:
    question = message_recipe.make(conversation=conversation)
    return message_recipe.make(conversation=conversation, role="assistant", reply_to=question)


def _signed_in(name: str, user: Any) -> Actor:
    browser = Client(raise_request_exception=False)
    browser.force_login(user, backend=BACKEND)
    return Actor(name, user, token_of(user), browser)


def random_id() -> str:
    return str(uuid4())


def model_named(label: str) -> Any:
    return apps.get_model(label)
