import hashlib
import secrets

from django.db import models
from django.utils import timezone

from common.models import Entity
from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField
from tenants.managers import AllManager, LivingManager
from tenants.models.base import deleted_rows
from tenants.rls import USERS, CompositeForeignKey, RowSecurity

_PREFIX = "chy_"


class AccessTokenManager(LivingManager):
    def issue(self, *, user, lifetime, name="", scopes=()):
        """Make a token for a user; return it with its secret, which is shown this once.

        `lifetime` is a timedelta. No scopes means all that the user may do.
        """
        secret = _PREFIX + secrets.token_urlsafe(32)
        token = self.create(
            user=user,
            organization_id=user.organization_id,
            name=name,
            prefix=secret[:12],
            digest=digest(secret),
            scopes=list(scopes),
            expires_at=timezone.now() + lifetime,
        )
        return token, secret


class AccessToken(Entity):
    """What a program shows instead of a password. Only its SHA-256 is kept: 256 random bits."""

    organization = OrganizationField(null=True, blank=True, related_name="+")
    user = models.ForeignKey("tenants.User", models.CASCADE, related_name="access_tokens")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, editable=False, unique=True)
    scopes = models.JSONField(default=list, blank=True)
    expires_at = models.DateTimeField()

    objects = AccessTokenManager()
    all_objects = AllManager()

    class Meta(Entity.Meta):
        base_manager_name = "all_objects"
        default_manager_name = "objects"
        ordering = ["-created_at", "-id"]
        constraints = [
            RowSecurity(name="tenants_accesstoken_rows", policy=USERS, platform=True),
            Audited(
                name="tenants_accesstoken_audit",
                columns=("user_id", "name", "prefix", "scopes", "expires_at"),
                secrets=("digest",),
                title="prefix",
            ),
            CompositeForeignKey("user", name="tenants_accesstoken_user"),
            *Entity.Meta.constraints,
        ]
        indexes = [
            models.Index(fields=["organization", "user"], name="tenants_accesstoken_by_user"),
            deleted_rows("tenants_accesstoken_deleted"),
        ]

    def __str__(self):
        return f"{self.prefix}…"


def digest(secret: str) -> str:
    """Return the SHA-256 of a token's secret in hexadecimal, 64 characters."""
    return hashlib.sha256(secret.encode()).hexdigest()
