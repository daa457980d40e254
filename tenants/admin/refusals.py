"""What a quota or the database refuses to save, told as an error of the form."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from tenants.counters import QuotaExceeded
from tenants.deletion import Gone
from tenants.ownership import LastOwner

REFUSALS = (ValidationError, QuotaExceeded, LastOwner, IntegrityError, Gone)

_QUOTAS = {
    "users": ("people", lambda amount: f"{amount}"),
    "projects": ("projects", lambda amount: f"{amount}"),
    "storage_bytes": ("storage", lambda amount: f"{amount / 10**9:.2f} GB"),
}


def explain(refusal, taken):
    """Return the refusal as a ValidationError; raise it again when it is not the user's to mend.

    `taken` gives, for the name of a unique constraint, the field and what to say. A conflict may be
    with a row that the user cannot see, so that what is said is the same for those that they can.
    """
    if isinstance(refusal, QuotaExceeded):
        name, text = _QUOTAS[refusal.quota]
        limit, used = text(refusal.limit), text(refusal.used)
        return ValidationError(
            f"The organization's quota of {name} is {limit}, and {used} is in use already."
        )
    if isinstance(refusal, LastOwner):
        return ValidationError(str(refusal))
    if isinstance(refusal, Gone):
        message = "This has just been deleted."
        return ValidationError({refusal.field: message} if refusal.field else message)
    if isinstance(refusal, IntegrityError):
        constraint = getattr(getattr(refusal.__cause__, "diag", None), "constraint_name", None)
        if constraint not in taken:
            raise refusal
        field, message = taken[constraint]
        return ValidationError({field: message})
    return refusal
