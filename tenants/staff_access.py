"""Platform staff act for one organization: with a reason, for a limited time, and seen by it.

What they may do then is `tenants.permissions.STAFF_ACTING`. Beginning and ending is the platform's:
call these outside any `acting_for`.
"""

from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import F
from django.db.models.functions import Least, Now

from tenants.context import acting_as_platform
from tenants.models import Organization, StaffAccess
from tenants.models.staff_access import LONGEST, LONGEST_REASON, SHORTEST_REASON


class CannotAct(Exception):
    """Acting for an organization is not possible now; the text is a sentence that says why."""


class OrganizationUnavailable(CannotAct):
    """The organization is switched off or deleted."""


class AlreadyActing(CannotAct):
    """The person acts for an organization already."""


def begin(*, organization, by, reason, minutes):
    """Let one of the platform staff act for an organization from now on; return the access.

    Raises PermissionDenied, ValidationError (by field: reason, minutes), OrganizationUnavailable or
    AlreadyActing, having changed nothing.
    """
    _refuse_others(by)
    reason = reason.strip()
    _validate(reason, minutes)
    try:
        with acting_as_platform():
            if not Organization.objects.filter(pk=organization.pk, is_active=True).exists():
                raise OrganizationUnavailable(
                    f"{organization} is switched off or deleted: nobody acts for it."
                )
            _end_what_is_over(by)
            access = StaffAccess.objects.create(
                organization=organization,
                staff_id=by.pk,
                staff_name=str(by),
                staff_email=by.email,
                reason=reason,
                expires_at=Now() + timedelta(minutes=minutes),
            )
            access.refresh_from_db(fields=["expires_at"])
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        if not constraint.startswith("tenants_staffaccess_one_open"):
            raise
        raise AlreadyActing("You act for an organization already: stop that first.") from error
    return access


def end(*, access, by):
    """End an access now; return whether it was open. One that has ended stays as it is."""
    _refuse_others(by)
    with acting_as_platform():
        return bool(_end(StaffAccess.objects.filter(pk=access.pk)))


def current(user):
    """The access by which one of the platform staff acts now, with its organization, or None.

    The database is asked, and its clock decides.
    """
    with acting_as_platform():
        in_force = StaffAccess.objects.in_force().select_related("organization")
        return in_force.filter(staff_id=user.pk).first()


def _refuse_others(by):
    if not by.is_platform_staff:
        raise PermissionDenied("Only platform staff act for an organization.")


def _validate(reason, minutes):
    errors = {}
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        errors["reason"] = f"Say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters."
    longest = LONGEST // timedelta(minutes=1)
    if not 0 < minutes <= longest:
        errors["minutes"] = f"Choose at most {longest} minutes."
    if errors:
        raise ValidationError(errors)


def _end_what_is_over(by):
    own = StaffAccess.objects.filter(staff_id=by.pk)
    _end(own.exclude(pk__in=own.in_force().values("pk")))


def _end(accesses):
    return accesses.open().update(ended_at=Least(Now(), F("expires_at")))
