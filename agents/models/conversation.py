from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField, TenantForeignKey
from tenants.grants import is_granted, is_granted_somewhere
from tenants.managers import AllManager, LivingManager, LivingQuerySet, OrganizationManager
from tenants.models import Project
from tenants.models.base import ROWS, OrganizationOwned, deleted_rows
from tenants.permissions import Permissions
from tenants.rls import CompositeForeignKey


def _uses_agents(user):
    use = Permissions.AGENTS_USE
    return user.has_perm(use) or is_granted_somewhere(user, use)


class ConversationQuerySet(LivingQuerySet):
    def visible_to(self, user):
        """One's own; those with the permission see everybody's."""
        if user.has_perm(Permissions.CONVERSATIONS_VIEW_ALL):
            return self
        if not _uses_agents(user):
            return self.none()
        return self.filter(user_id=user.pk)


class Conversation(OrganizationOwned):
    """A user's exchange with one agent, in one project."""

    user = TenantForeignKey("tenants.User", models.CASCADE, related_name="conversations")
    project = TenantForeignKey("tenants.Project", models.CASCADE, related_name="conversations")
    agent = TenantForeignKey("agents.AgentConfig", models.CASCADE, related_name="conversations")
    # To try out: its questions go to the draft, which whoever asks must be allowed to change.
    is_draft = models.BooleanField(default=False, db_default=False)
    title = models.CharField(max_length=255, blank=True)
    message_count = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar = LivingManager.from_queryset(ConversationQuerySet)()
    all_objects: ClassVar = AllManager.from_queryset(ConversationQuerySet)()

    class Meta(OrganizationOwned.Meta):
        ordering = ["-id"]
        constraints = [
            *OrganizationOwned.Meta.constraints,
            Audited(
                name="agents_conversation_audit",
                columns=("user_id", "project_id", "agent_id", "title"),
                title="title",
                content=True,
            ),
            CompositeForeignKey("user", name="agents_conversation_user"),
            CompositeForeignKey("project", name="agents_conversation_project"),
            CompositeForeignKey("agent", name="agents_conversation_agent"),
        ]
        indexes = [
            models.Index(
                fields=["organization", "user", "-id"], name="agents_conversation_by_user"
            ),
            models.Index(fields=["organization", "project"], name="agents_conversation_by_project"),
            models.Index(fields=["organization", "agent"], name="agents_conversation_by_agent"),
            deleted_rows("agents_conversation_deleted"),
        ]

    def __str__(self):
        return self.title or f"Conversation of {self.created_at:%Y-%m-%d %H:%M}"

    def may_be_continued_by(self, user):
        """Whether a user may ask here: their own, with the right and the project still theirs."""
        if user.pk != self.user_id:
            return False
        if not self._may_ask(user):
            return False
        projects = Project.objects.visible_to(user).filter(is_active=True)
        return projects.filter(pk=self.project_id).exists()

    def _may_ask(self, user):
        if self.is_draft:
            return user.has_perm(Permissions.AGENTS_CHANGE, self.agent)
        use = Permissions.AGENTS_USE
        return user.has_perm(use) or is_granted(user, use, self.agent)


class Message(OrganizationOwned):
    """One message, a row of its own. A reply is `pending` until its turn has ended.

    A conversation is a tree: `reply_to` is the question of a reply, and of a question the reply
    that it follows (null for the first). Its active branch is the one that ends with the newest
    reply.
    """

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        SYSTEM = "system"
        TOOL = "tool"

    class Status(models.TextChoices):
        PENDING = "pending"
        COMPLETED = "completed"
        FAILED = "failed"
        STOPPED = "stopped"
        INTERRUPTED = "interrupted"

    conversation = TenantForeignKey(Conversation, models.CASCADE, related_name="messages")
    role = models.CharField(max_length=50, choices=Role)
    content = models.TextField(blank=True)
    status = models.CharField(max_length=50, choices=Status, default=Status.COMPLETED)
    finish_reason = models.CharField(max_length=50, blank=True)
    tokens_used = models.PositiveIntegerField(null=True, blank=True)
    citations = models.JSONField(default=list, blank=True)
    agent_version = TenantForeignKey(
        "agents.AgentVersion", models.PROTECT, null=True, blank=True, related_name="messages"
    )
    # A chain is as long as the conversation, to which all of it belongs: nothing follows it down.
    reply_to = TenantForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="replies"
    )
    idempotency_key = models.CharField(max_length=100, blank=True, editable=False)
    # The access token by which a reply was asked for; null where it was a session.
    asked_with = models.UUIDField(null=True, editable=False)

    class Meta(OrganizationOwned.Meta):
        ordering = ["id"]
        constraints = [
            *OrganizationOwned.Meta.constraints,
            Audited(
                name="agents_message_audit",
                columns=("conversation_id", "role"),
                content=True,
            ),
            CompositeForeignKey("conversation", name="agents_message_conversation"),
            CompositeForeignKey("agent_version", name="agents_message_agent_version"),
            CompositeForeignKey("reply_to", name="agents_message_reply_to"),
            models.CheckConstraint(
                condition=Q(role__in=["user", "assistant", "system", "tool"]),
                name="agents_message_role",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["pending", "completed", "failed", "stopped", "interrupted"]
                ),
                name="agents_message_status",
            ),
            models.UniqueConstraint(
                fields=["organization", "conversation"],
                condition=Q(status="pending", is_deleted=False),
                name="agents_message_one_turn_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["organization", "conversation", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="agents_message_idempotency_key",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "conversation", "id"], name="agents_message_by_conversation"
            ),
            models.Index(
                fields=["organization", "reply_to"],
                condition=Q(reply_to__isnull=False),
                name="agents_message_by_reply_to",
            ),
            models.Index(
                fields=["organization", "agent_version"],
                condition=Q(agent_version__isnull=False),
                name="agents_message_by_version",
            ),
            deleted_rows("agents_message_deleted"),
        ]

    def __str__(self):
        return f"{self.role}: {self.content[:60]}"


class TurnEvent(models.Model):
    """One event of a turn, as the stream sends it. `sequence` counts from 1 within the reply."""

    pk = models.CompositePrimaryKey("organization", "message", "sequence")
    organization = OrganizationField(related_name="+")
    message = TenantForeignKey(Message, models.CASCADE, related_name="events")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=50)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["sequence"]
        constraints = [ROWS, CompositeForeignKey("message", name="agents_turnevent_message")]

    def __str__(self):
        return f"{self.sequence} {self.kind}"
