from django.db import models


class AttemptCount(models.Model):
    """How often something was tried in the window that ends at `resets_at` (`tenants.throttle`).

    It belongs to no organization: a sign-in is counted before anybody is known. The digest stands
    for what was tried, on which account and from where, which cannot be read from it. `pending`
    are those of the count that are under way.
    """

    digest = models.UUIDField(primary_key=True)
    count = models.PositiveIntegerField()
    pending = models.PositiveIntegerField()
    resets_at = models.DateTimeField(db_index=True)

    def __str__(self):
        return f"{self.digest}: {self.count}"


class KnownAddress(models.Model):
    """An address from which an account has signed in, as one digest of both."""

    digest = models.UUIDField(primary_key=True)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self):
        return str(self.digest)
