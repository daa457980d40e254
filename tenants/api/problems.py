"""What an organization's rules refuse, as problems."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from common.api.problems import NOT_FOUND, Problem, as_problem, field_problem
from tenants.accounts import LinkRefused
from tenants.api.fields import ReferenceField
from tenants.counters import QuotaExceeded
from tenants.deletion import Gone, RestoreConflict
from tenants.ownership import LastOwner


@as_problem.register
def _(error: QuotaExceeded) -> Problem:
    return Problem(
        409,
        str(error),
        kind="quota-exceeded",
        title="Quota exceeded",
        quota=error.quota,
        limit=error.limit,
        used=error.used,
    )


@as_problem.register
def _(error: RestoreConflict) -> Problem:
    return Problem(409, str(error), kind="restore-conflict", title="It cannot come back")


@as_problem.register
def _(error: LinkRefused) -> Problem:
    return Problem(400, str(error), kind="link-refused", title="The link is not valid")


@as_problem.register
def _(error: LastOwner) -> Problem:
    return Problem(409, str(error), kind="last-owner", title="The last owner stays")


@as_problem.register
def _(error: Gone) -> Problem:
    """As if it had been deleted before it was asked for."""
    if error.field is None:
        return Problem(404, NOT_FOUND)
    return field_problem(error.field, str(ReferenceField.default_error_messages["does_not_exist"]))


@contextmanager
def unique(**fields: str) -> Iterator[None]:
    """Tell a broken unique constraint (`name="field"`) as a problem of that field.

    The database is asked, not a queryset: the row in the way may be of another organization, and
    the answer must be the same.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        diagnostics = getattr(error.__cause__, "diag", None)
        field = fields.get(getattr(diagnostics, "constraint_name", None) or "")
        if field is None:
            raise
        raise field_problem(field, "This is taken already: choose another.")
