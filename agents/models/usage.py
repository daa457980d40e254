"""Calls of models: those that run, and the record that each of them leaves."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from common.ids import uuid7
from tenants.audit.triggers import AppendOnly
from tenants.fields import OrganizationField
from tenants.managers import OrganizationManager
from tenants.models.base import KEY, ROWS
from tenants.rls import RowSecurity


def _price():
    return models.DecimalField(max_digits=18, decimal_places=6, null=True)


class Call(models.Model):
    """Whose call of which model it is, and at which prices of a million tokens.

    What it names may go: the ids stay. A call by way of the stateless API has no reply, and a
    project where its agent has one; that of a draft has no version, one by a session no token.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = OrganizationField(related_name="+")
    project_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)
    agent_version_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    reply_id = models.UUIDField(null=True)
    provider = models.CharField(max_length=20)
    model_name = models.CharField(max_length=100)
    input_price = _price()
    cached_price = _price()
    output_price = _price()
    currency = models.CharField(max_length=3, blank=True)
    started_at = models.DateTimeField()

    objects: ClassVar = OrganizationManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class OpenCall(Call):
    """A call that runs, with what it may use at worst. Whoever removes the row settles the call.

    One whose process was killed is settled by a job after `deadline`.
    """

    input_tokens = models.PositiveIntegerField()
    output_tokens = models.PositiveIntegerField()
    budgets = ArrayField(models.UUIDField(), default=list)
    deadline = models.DateTimeField()

    class Meta(Call.Meta):
        constraints = [KEY, ROWS]

    def __str__(self):
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.model_name}"


class UsageRecord(Call):
    """What one call of a model used and cost. It never changes.

    `cost` is null where the price was not known. `cached_tokens` are among the `input_tokens`.
    `reason` is what a reply's `finish_reason` says of it.
    """

    class Outcome(models.TextChoices):
        COMPLETED = "completed"
        STOPPED = "stopped"
        FAILED = "failed"
        LOST = "lost"

    input_tokens = models.PositiveIntegerField()
    cached_tokens = models.PositiveIntegerField()
    output_tokens = models.PositiveIntegerField()
    is_estimated = models.BooleanField(default=False)
    cost = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    first_token_ms = models.PositiveIntegerField(null=True)
    whole_ms = models.PositiveIntegerField(null=True)
    outcome = models.CharField(max_length=20, choices=Outcome)
    reason = models.CharField(max_length=50, blank=True)

    class Meta(Call.Meta):
        ordering = ["-id"]
        verbose_name = "use of a model"
        verbose_name_plural = "use of models"
        constraints = [
            KEY,
            RowSecurity(
                name="agents_usagerecord_rows",
                platform=True,
                verbs="SELECT, INSERT",
                platform_verbs="SELECT",
            ),
            AppendOnly(name="agents_usagerecord_kept", until_purged=True),
            models.CheckConstraint(
                condition=Q(outcome__in=["completed", "stopped", "failed", "lost"]),
                name="agents_usagerecord_outcome",
            ),
            models.CheckConstraint(
                condition=Q(cached_tokens__lte=models.F("input_tokens")),
                name="agents_usagerecord_cached",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "started_at"], name="agents_usagerecord_by_time"),
            # Platform staff read the newest of all organizations.
            models.Index(fields=["-id"], name="agents_usagerecord_newest"),
        ]

    def __str__(self):
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.model_name}"
