import pytest
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Subquery, Q, F
from django.test.utils import CaptureQueriesContext
from tenants.context import *
from tenants.models import *
from tenants import deletion, counters, services, lookup
from knowledge.models import *
from agents.models import *
from agents.models.agent import AgentConfig

def show(label, fn):
    with CaptureQueriesContext(connection, ) as q:
        try:
            from django.db import transaction
            with transaction.atomic():
                r = fn()
                if hasattr(r, "query"): r = list(r)
        except Exception as e:
            r = f"!!! {type(e).__name__}: {e}"
    print("##", label, "->", str(r)[:300])
    for x in q.captured_queries:
        if "SAVEPOINT" not in x["sql"]: print("    ", x["sql"])

def test_a(acme, globex, people):
    with acting_for(acme):
        u = User.objects.get(username="acme-member")
        p = services.create_project(organization_id=acme.pk, name="P", by=u)
        r = Role.objects.create(name="own")
        show("exclude rev", lambda: Project.objects.exclude(memberships__user__username="x"))
        show("exclude m2m", lambda: Project.objects.exclude(members__username="x"))
        show("exclude rev simple", lambda: Project.objects.exclude(memberships__created_at=None))
        show("filter m2m", lambda: Project.objects.filter(members__username="x"))
        show("user.roles", lambda: u.roles.all())
        show("role.users", lambda: r.users.all())
        show("prefetch roles", lambda: User.objects.prefetch_related("roles"))
        show("prefetch role users", lambda: Role.objects.prefetch_related("users"))
        show("prefetch members", lambda: Project.objects.prefetch_related("members", "memberships__user"))
        show("annotate", lambda: Project.objects.annotate(n=Count("members")))
        show("count", lambda: Project.objects.annotate(n=Count("members")).count())
        show("emb", lambda: DocumentChunk.objects.select_related("embedding", "document"))
        show("emb2", lambda: ChunkEmbedding.objects.select_related("chunk__document"))
        show("emb filter", lambda: ChunkEmbedding.objects.filter(chunk__document__project=p))
        show("update join", lambda: Message._base_manager.filter(conversation__project=p).update(content=""))
        show("delete join", lambda: ProjectMember.objects.filter(project=p).delete())
        show("delete", lambda: ProjectMember.all_objects.filter(project=p).delete())
        show("hard delete", lambda: p.delete())
        show("usage", lambda: acme.usage)
        show("usage", lambda: Organization.objects.select_related("usage"))
        show("members.add", lambda: p.members.add(u))
        show("members.remove", lambda: p.members.remove(u))
        show("members.set", lambda: p.members.set([u]))
        show("backend", lambda: u.has_perm("x.y"))
        show("visible", lambda: Project.objects.visible_to(u))
        show("bulk_create", lambda: Project.objects.bulk_create([Project(name="A"), Project(name="B")]))
        show("posting", lambda: Posting.objects.bulk_create([Posting(lexeme="A", chunk_id=p.pk, frequency=1, length=1), Posting(lexeme="B", chunk_id=p.pk, frequency=1, length=1)]))
        show("save", lambda: p.save())
        show("upper", lambda: list(connection.cursor().execute('SELECT count(*) FROM TENANTS_USER') or []))
        show("isnull", lambda: Project.objects.filter(memberships__isnull=True))
        show("neg", lambda: Project.objects.filter(~Q(members=u)))
        show("token", lambda: AccessToken.objects.select_related("user"))
        show("agents", lambda: AgentConfig.objects.exclude(versions__number=3))
        show("agents", lambda: AgentConfig.objects.exclude(versions__published_by__username="m"))
        show("agents", lambda: AgentConfig.objects.visible_to(u))
        show("order", lambda: DocumentChunk.objects.order_by("document__project__name"))
        show("select", lambda: DocumentChunk.objects.select_related("document__project__manager"))
        show("in_bulk", lambda: Project.objects.in_bulk([p.pk]))
        show("union", lambda: Project.objects.all().union(Project.objects.all()))
        show("turnevent", lambda: TurnEvent.objects.filter(message__conversation__user=u))
        show("turnevent", lambda: Message.objects.annotate(n=Count("events")))
        show("rp", lambda: r.permissions.all())
        show("rp", lambda: Permission.objects.filter(roles=r))
        show("rp", lambda: Role.objects.filter(permissions__name="x"))
        show("rp", lambda: Role.objects.exclude(permissions__name="x"))
        show("rp", lambda: User.objects.filter(roles__permissions__name="x"))
        show("rp", lambda: User.objects.exclude(roles__permissions__name="x"))
