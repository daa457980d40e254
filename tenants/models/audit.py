"""The audit trail. Its rows are written by the database itself (`tenants.audit.triggers`)."""

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from common.ids import uuid7
from tenants.audit.triggers import AppendOnly
from tenants.fields import OrganizationField
from tenants.managers import OrganizationManager
from tenants.models.base import KEY
from tenants.rls import RowSecurity


class AuditEntry(models.Model):
    """Who did what to which row, acting as what, from where, and how the row was and became.

    `before` and `after` hold the columns that changed; of secrets only that they did. Entries of
    the platform's own rows have an organization of zeros. They outlive all that they tell of, so
    they refer to rows by id alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = OrganizationField(
        on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=50)
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.UUIDField(null=True)
    object_name = models.CharField(max_length=255, blank=True)
    is_content = models.BooleanField(default=False)
    before: Any = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after: Any = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    acting_as = models.CharField(max_length=50)
    way = models.CharField(max_length=100)
    address = models.CharField(max_length=64, blank=True)

    objects = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["-id"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        constraints = [
            KEY,
            RowSecurity(
                name="tenants_auditentry_rows",
                platform=True,
                platform_rows="NOT is_content",
                verbs="SELECT, INSERT",
                platform_verbs="SELECT, INSERT",
            ),
            AppendOnly(name="tenants_auditentry_kept"),
        ]
        indexes = [
            models.Index(fields=["organization", "object_id"], name="tenants_auditentry_by_object"),
            models.Index(fields=["organization", "actor_id"], name="tenants_auditentry_by_actor"),
            # Platform staff read the newest of all organizations.
            models.Index(
                fields=["-id"], condition=Q(is_content=False), name="tenants_auditentry_newest"
            ),
        ]

    def __str__(self):
        return f"{self.actor_name} {self.action} {self.object_type} {self.object_name}".strip()


class AuditSeal(models.Model):
    """The place of an entry in its organization's hash chain, once a job has given it one.

    `digest` is the SHA-256, in hexadecimal, of the digest before it and the entry.
    """

    pk = models.CompositePrimaryKey("organization", "entry_id")
    organization = OrganizationField(
        on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    entry_id = models.UUIDField()
    position = models.PositiveBigIntegerField(null=True)
    digest = models.CharField(max_length=64, null=True)

    objects = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            RowSecurity(
                name="tenants_auditseal_rows",
                platform=True,
                verbs="SELECT, INSERT",
                columns=("position", "digest"),
                platform_verbs="SELECT, INSERT",
                platform_columns=("position", "digest"),
            ),
            AppendOnly(name="tenants_auditseal_kept", once=("position", "digest")),
            models.UniqueConstraint(
                fields=["organization", "position"], name="tenants_auditseal_position"
            ),
            models.CheckConstraint(
                condition=Q(position=None, digest=None) | Q(position__gte=1, digest__isnull=False),
                name="tenants_auditseal_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "entry_id"],
                condition=Q(position=None),
                name="tenants_auditseal_open",
            ),
        ]

    def __str__(self):
        return f"{self.position} {self.entry_id}"
