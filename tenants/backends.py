"""Who somebody is (`LoginBackend`) and what their roles let them do (`RoleBackend`)."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password

from common.connections import let_go
from tenants import grants, lookup, throttle
from tenants.audit.trail import record
from tenants.context import acting_as, acting_as_platform, acting_for
from tenants.control_plane import platform_permissions
from tenants.models import RolePermission
from tenants.permissions import STAFF_ACTING

DEMO_PASSWORD = "demo"  # noqa: S105  everybody knows it: it signs in only where the demo runs


class LoginBackend(BaseBackend):
    """Signs in by e-mail or username, before any organization is set.

    One password is hashed, whoever it is for. Too many attempts raise TooManyAttempts instead.
    """

    def authenticate(self, request, username=None, password=None, **credentials):
        if username is None or password is None:
            return None
        with throttle.SIGN_IN.attempt(username, request) as attempt:
            user = lookup.find_by_login(username)
            let_go()
            if not _is_password_of(user, password):
                _record_failure(user)
                return None
            attempt.succeed()
        throttle.know(user, request)
        with acting_as(user):
            record("signed in", subject=user)
        return user

    def get_user(self, user_id):
        try:
            return lookup.find_by_id(UUID(str(user_id)))
        except ValueError:
            return None


def _is_password_of(user, password):
    if user is None or (password == DEMO_PASSWORD and not settings.CHANCERY_DEMO):
        make_password(password)  # an unknown name takes as long as a wrong password
        return False
    return check_password(password, user.password)


def _record_failure(user):
    """Write a failed sign-in to its organization's audit trail; of a name nobody has, to the
    platform's, so that it takes as long."""
    is_platforms = user is None or user.is_platform_staff
    with acting_as_platform() if is_platforms else acting_for(user.organization_id):
        record("sign-in failed", subject=user)


class RoleBackend(BaseBackend):
    """Answers `user.has_perm(...)` from the roles of a member.

    Platform staff have the control plane, or what acting for an organization permits instead.
    Of one row that can be granted: what roles permit counts when the row is within reach without a
    grant, and a grant gives just what it says.
    """

    def get_all_permissions(self, user_obj, obj=None):
        held = self._by_roles(user_obj)
        if not _is_decided_by_row(user_obj, obj):
            return held
        names = held | {grants.right(obj, action) for action in obj.grantable}
        rows = type(obj)._default_manager.filter(pk=obj.pk)
        within = held if rows.within_reach_of(user_obj).exists() else set()
        return within | {n for n in names - within if grants.is_granted(user_obj, n, obj)}

    def has_perm(self, user_obj, perm, obj=None):
        holds = perm in self._by_roles(user_obj)
        if not _is_decided_by_row(user_obj, obj):
            return holds
        if action := grants.action_of(type(obj), perm):
            rows = type(obj)._default_manager.filter(pk=obj.pk)
            return rows.allowed_to(user_obj, action).exists()
        # Of a deleted row, too: whoever could delete it may bring it back.
        return holds and type(obj).all_objects.filter(pk=obj.pk).within_reach_of(user_obj).exists()

    def has_module_perms(self, user_obj, app_label):
        return any(name.startswith(f"{app_label}.") for name in self._by_roles(user_obj))

    def _by_roles(self, user_obj):
        if not user_obj.is_active or user_obj.is_anonymous:
            return set()
        if user_obj.is_platform_staff:
            return STAFF_ACTING if user_obj.staff_access else platform_permissions()
        if not hasattr(user_obj, "_role_permissions"):
            user_obj._role_permissions = _held_by(user_obj)
        return user_obj._role_permissions


def _is_decided_by_row(user, row):
    return row is not None and grants.is_grantable(row) and user.is_active and _is_member(user)


def _is_member(user):
    return not (user.is_anonymous or user.is_platform_staff)


def _held_by(user):
    """The permissions of a member's roles; a token with scopes narrows them to these."""
    rights = RolePermission.objects.filter(role__user_roles__user_id=user.pk)
    held = set(rights.values_list("permission__name", flat=True))
    scopes = getattr(user, "token_scopes", None)
    return held & set(scopes) if scopes else held
