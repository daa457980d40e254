from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import (  # type: ignore[attr-defined]
    _user_get_permissions,
    _user_has_module_perms,
    _user_has_perm,
)
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.models import Entity
from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField
from tenants.managers import AllManager, LivingManager
from tenants.rls import USERS, RowSecurity

validate_username = RegexValidator(
    r"^[\w.+-]+\Z", _("Letters, digits and . + - _ only, so that it is nobody's e-mail address.")
)


class UserManager(LivingManager, BaseUserManager):
    """The people of the organization acted for; for platform staff, everybody."""

    def get_by_natural_key(self, username):
        return self.get(username=username)

    def create_user(self, username, email, password=None, **fields) -> "User":
        """Make a member of the organization acted for (or of `organization`), seat not counted."""
        user: Any = self.model(
            username=User.normalize_username(username), email=email.lower(), **fields
        )
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username, email, password=None, **fields):
        """Make platform staff, who belong to no organization."""
        return self.create_user(
            username, email, password, **{"is_staff": True, "is_superuser": True} | fields
        )


class User(AbstractBaseUser, Entity):
    """A person: a member of one organization, or platform staff, who belong to none.

    Rights of a member come from roles (`tenants.backends`). Signs in by e-mail or username.
    """

    last_login = None  # a sign-in writes to no table that every node of a cluster holds
    staff_access: Any = None  # the access by which platform staff act in this request

    email = models.EmailField(max_length=255)
    username = models.CharField(max_length=100, validators=[validate_username])
    full_name = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    is_email_verified = models.BooleanField(default=False)
    organization = OrganizationField(null=True, blank=True, related_name="users")
    roles = models.ManyToManyField("tenants.Role", through="tenants.UserRole", related_name="users")
    is_staff = models.BooleanField(
        default=False, help_text="Whether this person can sign in to the admin."
    )
    is_superuser = models.BooleanField("platform staff", default=False, editable=False)

    objects = UserManager()
    all_objects = AllManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta(Entity.Meta):
        base_manager_name = "all_objects"
        default_manager_name = "objects"
        ordering = ["username", "id"]
        constraints = [
            RowSecurity(name="tenants_user_rows", policy=USERS, platform=True),
            Audited(
                name="tenants_user_audit",
                columns=(
                    "email",
                    "username",
                    "full_name",
                    "is_active",
                    "is_email_verified",
                    "is_staff",
                    "is_superuser",
                ),
                secrets=("password",),
                title="username",
            ),
            *Entity.Meta.constraints,
            models.UniqueConstraint(fields=["organization", "id"], name="tenants_user_reference"),
            models.UniqueConstraint(
                fields=["email"], condition=Q(is_deleted=False), name="tenants_user_email"
            ),
            models.UniqueConstraint(
                fields=["username"], condition=Q(is_deleted=False), name="tenants_user_username"
            ),
            models.CheckConstraint(
                condition=~Q(username__contains="@"),
                name="tenants_user_username_is_no_address",
                violation_error_message=_("A username holds no @: it could be another's address."),
            ),
            models.CheckConstraint(
                condition=Q(email=models.functions.Lower("email")),
                name="tenants_user_email_lower_case",
                violation_error_message=_("An e-mail address is kept in lower case."),
            ),
            models.CheckConstraint(
                condition=Q(organization__isnull=True, is_superuser=True)
                | Q(organization__isnull=False, is_superuser=False),
                name="tenants_user_platform_staff",
                violation_error_message=_("Platform staff, and only they, have no organization."),
            ),
        ]

    def __str__(self):
        return self.full_name or self.username

    def clean(self):
        super().clean()
        self.email = self.email.lower()

    @property
    def is_platform_staff(self):
        return self.organization_id is None and self.is_superuser

    @property
    def acts_as_platform(self):
        """Whether this is platform staff who act for no organization just now."""
        return self.is_platform_staff and self.staff_access is None

    @property
    def groups(self):
        """The roles, as django-guardian calls them."""
        return self.roles

    def get_full_name(self):
        return self.full_name

    def get_short_name(self):
        return self.full_name or self.username

    def get_all_permissions(self, obj=None):
        return _user_get_permissions(self, obj, "all")

    def has_perm(self, perm, obj=None):
        """Ask the backends; nobody, platform staff included, has a right without being asked."""
        return self.is_active and _user_has_perm(self, perm, obj)

    def has_perms(self, perm_list, obj=None):
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label):
        return self.is_active and _user_has_module_perms(self, app_label)
