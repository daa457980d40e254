"""Two organizations with rows in every table, and the people who will ask for them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from common.models import Entity
from config.tests.matrix.texts import CANARY, ERASED, make_full_row
from knowledge.tasks import queue_ingestion
from tenants import counters, deletion
from tenants.api.testing import token_of
from tenants.context import acting_as_platform, acting_for
from tenants.lookup import find_by_login
from tenants.models import Organization, OrganizationUsage, Permission, Role, User
from tenants.permissions import BUILT_IN_ROLES
from tenants.services import add_member, create_organization, create_user
from tenants.testing import ORGANIZATIONS, organization_named
from tenants.tests.rows import PLATFORMS, make_staff_access, tenant_models
from tenants.tests.sql import run

QUESTION = "How many days of leave are there?"
KEY, KEY_AGAIN = "asked-before", "asked-again"
JOB = ProcrastinateJob._meta.label
MADE_BEFORE = {"tenants.Organization", "tenants.OrganizationUsage"} | PLATFORMS
# A key, and somebody's feedback on a message, are there once.
OTHERWISE_DELETED = {"agents.Message", "agents.MessageFeedback"}

Rows = dict[str, Any]  # by label of their model


@dataclass
class Side:
    """The rows of one organization.

    `own` belong together, and so do `cousin`; `deleted` belonged to `own`.
    """

    slug: str
    organization: Any
    own: Rows = field(default_factory=dict)
    cousin: Rows = field(default_factory=dict)
    deleted: Rows = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, Any]]:
        for rows in (self.own, self.cousin, self.deleted):
            yield from rows.items()


@dataclass
class World:
    """The two sides by slug; people, tokens and sessions (their keys) by username.

    What is worked out from it once is kept beside: checksums, bodies, ids that are hidden.
    """

    sides: dict[str, Side] = field(default_factory=dict)
    people: Rows = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, frozenset[str]] = field(default_factory=dict)
    prints: dict[str, dict[str, Any]] = field(default_factory=dict)
    forms: dict[tuple[str, str], Any] = field(default_factory=dict)


def make_world() -> World:
    """Make it all, committed. The caller clears it away (`tenants.testing`)."""
    world = World()
    run("SELECT setval('procrastinate_jobs_id_seq', 812345678)")  # found in no page by chance
    run("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() + interval '1 day')")
    erased = _deleted_organization()
    for slug in ORGANIZATIONS:
        organization = organization_named(slug)
        world.people[f"{slug}-former"] = _former_owner(organization)
        for role in BUILT_IN_ROLES:
            name = f"{slug}-{role.lower()}"
            world.people[name] = find_by_login(name)
        side = world.sides[slug] = _side(organization, world.people)
        side.deleted[Organization._meta.label] = erased
    world.people["staff"] = find_by_login("staff")
    world.tokens = {name: token_of(person) for name, person in world.people.items()}
    world.sessions = {name: _session_of(person) for name, person in world.people.items()}
    for slug in ORGANIZATIONS:
        with acting_for(world.sides[slug].organization):
            User.objects.filter(username=f"{slug}-former").update(is_active=False)
    return world


def _deleted_organization() -> Any:
    with acting_as_platform():
        organization = create_organization(name=f"{ERASED} organization", slug=ERASED)
        deletion.delete(organization)
    return organization


def _former_owner(organization: Any) -> Any:
    name = f"{organization.slug}-former"
    with acting_for(organization):
        return create_user(
            organization=organization,
            username=name,
            email=f"{name}@{organization.slug}.test",
            is_staff=True,
            roles=[Role.objects.get(name="Owner", organization=None)],
        )


def _session_of(person: Any) -> str:
    client = Client()
    client.force_login(person, backend="tenants.backends.LoginBackend")
    return client.cookies["sessionid"].value


def _side(organization: Any, people: Rows) -> Side:
    side = Side(organization.slug, organization)
    for rows in (side.own, side.cousin):
        rows["tenants.StaffAccess"] = make_staff_access(organization)
    with acting_for(organization):
        _describe(organization)
        for rows in (side.own, side.cousin):
            _fill(rows, side, people)
        _make_deleted(side, people)
        counters.recount_all(organization.pk)
        jobs = ProcrastinateJob.objects.filter(args__organization_id=str(organization.pk))
        side.own[JOB] = jobs.order_by("id").first()
    return side


def _describe(organization: Any) -> None:
    text = f"{CANARY}{organization.slug}"
    for name in ("description", "phone"):
        setattr(organization, name, text)
    organization.email, organization.website = f"{text}@{text}.test", f"https://{text}.test/"
    organization.save(update_fields=["description", "phone", "email", "website"])


def _fill(rows: Rows, side: Side, people: Rows) -> None:
    rows |= {
        "tenants.Organization": side.organization,
        "tenants.OrganizationUsage": OrganizationUsage.objects.get(),
        "tenants.Permission": Permission.objects.get(name="knowledge.view_document"),
    }
    for model in _models():
        label = model._meta.label
        given = _given(label, rows, side, people)
        rows[label] = make_full_row(model, rows, side.slug, **given)
    for role in ("viewer", "member"):
        add_member(project=rows["tenants.Project"], user=people[f"{side.slug}-{role}"])
    queue_ingestion(side.organization.pk, rows["knowledge.Document"].pk)


def _make_deleted(side: Side, people: Rows) -> None:
    rows = dict(side.own)
    for model in _models():
        label = model._meta.label
        if not issubclass(model, Entity):
            continue
        given = {} if label in OTHERWISE_DELETED else _given(label, rows, side, people)
        row = make_full_row(model, rows, side.slug, ERASED, **given)
        if isinstance(row, User):
            add_member(project=rows["tenants.Project"], user=row)
        deletion.delete(row)
        side.deleted[label] = row


def _models() -> list[Any]:
    return [model for model in tenant_models() if model._meta.label not in MADE_BEFORE]


def _given(label: str, rows: Rows, side: Side, people: Rows) -> Rows:
    """What a row must be like to be found by those who may find it."""
    owner = people[f"{side.slug}-owner"]
    match label:
        case "tenants.AccessToken":
            return {"user": owner, "expires_at": timezone.now() + timedelta(days=1)}
        case "tenants.AuditSeal":
            return {"entry_id": rows["tenants.AuditEntry"].pk}
        case "agents.AgentConfig":
            return {"model_name": "extractive", "fallback_model": "", "tools": ["calculate"]}
        case "agents.Budget":
            # The deleted one counts by the month.
            return {
                "project": rows["tenants.Project"],
                "agent": rows["agents.AgentConfig"],
                "period": "month" if label in rows else "day",
            }
        case "agents.Conversation":
            return {"user": owner}
        case "agents.MessageFeedback":
            return {"user": owner}
        case "agents.ModelProvider":
            return {
                "models": [{"name": f"{CANARY}{side.slug}"}],
                "base_url": f"https://{CANARY}{side.slug}.example/v1",
            }
        case "agents.Message":
            asked = {"role": "user", "content": QUESTION, "idempotency_key": KEY}
            model = type(rows["agents.Conversation"])._meta.apps.get_model(label)
            question = make_full_row(model, rows, side.slug, **asked)
            return {"role": "assistant", "reply_to": question, "idempotency_key": KEY_AGAIN}
        case "knowledge.Document":
            return {
                "project": rows["tenants.Project"],
                "uploaded_by": rows["tenants.User"],
                "file_size": 100,
                "processing_status": "completed",
                "is_processed": True,
                "chunk_count": 1,
                "lexeme_count": 5,
                "embedding": [0.05] * 384,
                "embedding_model": f"{CANARY}{side.slug}",  # one, so that they are compared
            }
        case "knowledge.ChunkEmbedding":
            return {"document_id": rows["knowledge.Document"].pk}
        case "knowledge.Posting":
            return {"lexeme": "leav"}
    return {}
