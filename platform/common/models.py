"""What every entity has: a time-ordered key, two timestamps and a soft delete."""

from django.db import models
from django.db.models import Q

from common.ids import uuid7


class Entity(models.Model):
    """A row with an identity of its own.

    Deleting one is soft (`tenants.deletion`): `deletion_id` is the same for all that went together.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    is_deleted = models.BooleanField(default=False, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    deletion_id = models.UUIDField(null=True, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_deletion",
                condition=Q(is_deleted=False, deleted_at=None, deletion_id=None)
                | Q(is_deleted=True, deleted_at__isnull=False, deletion_id__isnull=False),
            )
        ]
