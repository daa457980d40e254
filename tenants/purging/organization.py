"""Removing a deleted organization with all that it has, its own row last."""

from typing import Any

from django.db.models import QuerySet

from tenants.models import Organization
from tenants.purging import files
from tenants.purging.references import is_leaf, models_of_organizations, owners_of
from tenants.purging.removal import Removal
from tenants.purging.tally import Tally

PASSES = 3  # removing a row may write another, such as a record that it was removed


class WholeOrganization(Removal):
    """Its rows go whether deleted or not: nobody can act for a deleted organization."""

    takes_living = True

    def rows(self, model: Any) -> QuerySet:
        if model._meta.label == "tenants.Organization":
            return model._base_manager.filter(pk=self.organization_id)
        return super().rows(model)

    def is_due(self) -> bool:
        with self.transaction():
            return self._due(Organization).exists()

    def run(self) -> Tally:
        if not self._claim(Organization, [self.organization_id]):
            return self.tally
        for _ in range(PASSES):
            self._remove_all_rows()
            self.remove_leftover_files()
            if self._remove_itself():
                return self.tally
        self.tally.kept += 1
        return self.tally

    def _remove_all_rows(self) -> None:
        """Children first; leaves that belong to a row go with it, the others at the end."""
        self.tally.kept = 0
        children_first = list(reversed(models_of_organizations()))
        for model in sorted(children_first, key=is_leaf):
            if not (self.dry_run and is_leaf(model) and owners_of(model)):
                for keys in self.batches(self.rows(model)):
                    self.remove(model, keys)

    def _remove_itself(self) -> bool:
        """Remove the organization's row, unless something refers to it; return whether it went."""
        keys = [self.organization_id]
        with self.transaction():
            if not self.dry_run:
                list(self._due(Organization).select_for_update().values_list("pk"))
                if self._referred_to(Organization, keys):
                    return False
                self._delete(Organization, keys)
        self.tally.rows[Organization] += 1
        if not self.dry_run:
            files.remove_directory(self.organization_id)  # type: ignore[arg-type]
        return True
