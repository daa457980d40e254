from datetime import timedelta
from typing import ClassVar

from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Now, Trim
from django.db.models.lookups import GreaterThanOrEqual

from common.ids import uuid7
from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField
from tenants.managers import OrganizationManager
from tenants.rls import USERS, RowSecurity

LONGEST = timedelta(hours=8)
SHORTEST_REASON = 10  # characters
LONGEST_REASON = 500


class StaffAccessQuerySet(models.QuerySet):
    def open(self):
        """Those that nobody has ended; their time may be over."""
        return self.filter(ended_at=None)

    def in_force(self):
        """Those that let somebody act now, by PostgreSQL's clock: of active organizations only."""
        return self.open().filter(
            expires_at__gt=Now(), organization__is_active=True, organization__is_deleted=False
        )


class StaffAccess(models.Model):
    """That one of the platform staff acted for an organization: who, why and how long.

    The row is the authority itself, and stays as the record of it. It names the person as they were
    called then, because they belong to no organization and may go.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = OrganizationField(related_name="staff_accesses")
    staff_id = models.UUIDField(editable=False)
    staff_name = models.CharField("who", max_length=255, editable=False)
    staff_email = models.EmailField("e-mail address", max_length=255, editable=False)
    reason = models.CharField(
        max_length=LONGEST_REASON, validators=[MinLengthValidator(SHORTEST_REASON)]
    )
    created_at = models.DateTimeField("since", db_default=Now(), editable=False)
    expires_at = models.DateTimeField("until at most")
    ended_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar = OrganizationManager.from_queryset(StaffAccessQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = "access by platform staff"
        verbose_name_plural = "accesses by platform staff"
        ordering = ["-id"]
        constraints = [
            # Found before the organization is known, and at most one for a person: like a token's.
            RowSecurity(
                name="tenants_staffaccess_rows",
                policy=USERS,
                verbs="SELECT",
                platform=True,
                platform_verbs="SELECT, INSERT",
                platform_columns=("ended_at",),
            ),
            Audited(
                name="tenants_staffaccess_audit",
                columns=(
                    "staff_id",
                    "staff_name",
                    "staff_email",
                    "reason",
                    "expires_at",
                    "ended_at",
                ),
                title="staff_name",
            ),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Length(Trim("reason")), SHORTEST_REASON),
                name="tenants_staffaccess_reason",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at"))
                & Q(expires_at__lte=F("created_at") + LONGEST),
                name="tenants_staffaccess_time",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None)
                | Q(ended_at__gte=F("created_at"), ended_at__lte=F("expires_at")),
                name="tenants_staffaccess_end",
            ),
            models.UniqueConstraint(
                fields=["staff_id"],
                condition=Q(ended_at=None),
                name="tenants_staffaccess_one_open",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="tenants_staffaccess_newest"),
        ]

    def __str__(self):
        return f"{self.staff_name}, {self.created_at:%Y-%m-%d %H:%M}"
