from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models.conversation import Message
from tenants.audit.triggers import Audited
from tenants.fields import TenantForeignKey
from tenants.managers import AllManager, LivingManager, LivingQuerySet
from tenants.models.base import OrganizationOwned, deleted_rows
from tenants.permissions import Permissions
from tenants.rls import CompositeForeignKey


class MessageFeedbackQuerySet(LivingQuerySet):
    def visible_to(self, user):
        """One's own; those who see everybody's conversations see everybody's."""
        if user.has_perm(Permissions.CONVERSATIONS_VIEW_ALL):
            return self
        return self.filter(user_id=user.pk)


class MessageFeedback(OrganizationOwned):
    """What somebody thinks of a reply."""

    class Rating(models.TextChoices):
        UP = "up"
        DOWN = "down"

    message = TenantForeignKey(Message, models.CASCADE, related_name="feedback")
    user = TenantForeignKey("tenants.User", models.CASCADE, related_name="+")
    rating = models.CharField(max_length=50, choices=Rating)
    comment = models.CharField(max_length=2000, blank=True)

    objects: ClassVar = LivingManager.from_queryset(MessageFeedbackQuerySet)()
    all_objects: ClassVar = AllManager.from_queryset(MessageFeedbackQuerySet)()

    class Meta(OrganizationOwned.Meta):
        verbose_name_plural = "feedback"
        ordering = ["-id"]
        constraints = [
            *OrganizationOwned.Meta.constraints,
            Audited(
                name="agents_messagefeedback_audit",
                columns=("message_id", "user_id", "rating"),
                title="rating",
                content=True,
            ),
            CompositeForeignKey("message", name="agents_messagefeedback_message"),
            CompositeForeignKey("user", name="agents_messagefeedback_user"),
            models.CheckConstraint(
                condition=Q(rating__in=["up", "down"]), name="agents_messagefeedback_rating"
            ),
            models.UniqueConstraint(
                fields=["organization", "message", "user"],
                condition=Q(is_deleted=False),
                name="agents_messagefeedback_one_each",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "message"], name="agents_feedback_by_message"),
            models.Index(fields=["organization", "user"], name="agents_feedback_by_user"),
            deleted_rows("agents_feedback_deleted"),
        ]

    def __str__(self):
        return f"{self.rating} {self.comment[:60]}".strip()
