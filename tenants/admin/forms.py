"""Forms of the admin: they know one organization's rows from another's, and what saving refused."""

import json
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from tenants.fields import TenantForeignKey


class OrganizationForm(forms.ModelForm):
    """A form for a row of an organization.

    The admin says who fills it in (`request`), and what saving it was refused for (`refusal`) when
    it is shown again.
    """

    request: Any
    refusal: ValidationError | None = None

    def __init__(self, *args, **kwargs):
        """What a row has stays a choice, also where it could not be chosen anew."""
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if type(field) is forms.ModelChoiceField and (held := self.initial.get(name)):
                choices: Any = field.queryset
                field.queryset = choices | choices.model._default_manager.filter(pk=held)

    def clean(self):
        cleaned = super().clean()
        for name, value in list(self.cleaned_data.items()):
            if self._is_of_another_organization(name, value):
                self.add_error(name, "This belongs to another organization.")
        if self.refusal:
            self._report(self.refusal)
        return cleaned

    def _is_of_another_organization(self, name, value):
        """Only platform staff can choose from more than one; PostgreSQL would refuse the row."""
        if name == "organization" or not isinstance(self.fields.get(name), forms.ModelChoiceField):
            return False
        chosen = self.cleaned_data.get("organization")
        if "organization" in self.fields and chosen is None:
            return False  # that is the error to mend first
        own = chosen.pk if chosen else self.instance.organization_id
        rows = value if isinstance(self.fields[name], forms.ModelMultipleChoiceField) else [value]
        fitting = {own} if self._is_within_one(name) else {own, None}
        return any(getattr(row, "organization_id", None) not in fitting for row in rows if row)

    def _is_within_one(self, name):
        """Whether what the field names must be the organization's own, and not the platform's."""
        relations = (field for field in self.instance._meta.fields if field.name == name)
        return isinstance(next(relations, None), TenantForeignKey)

    def _report(self, refusal):
        for name, messages in getattr(refusal, "error_dict", {NON_FIELD_ERRORS: refusal}).items():
            self.add_error(name if name in self.fields else None, messages)


class RowField(forms.ModelChoiceField):
    """A choice of a row. What is no id is shown again as nothing: the widget asks the database."""

    def bound_data(self, data, initial):
        rows: Any = self.queryset
        try:
            rows.model._meta.pk.to_python(data)
        except ValidationError:
            return None
        return data


class StructureField(forms.JSONField):
    """JSON of one kind, `dict` or `list`; left empty it is an empty one."""

    default_error_messages = {
        "dict": 'Write a JSON object, such as {"key": "value"}.',
        "list": 'Write a JSON list, such as ["one", "two"].',
        "zero": "PostgreSQL has no character zero.",
    }

    def __init__(self, *, kind, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind

    def clean(self, value):
        value = super().clean(value)
        if value is None:
            return self.kind()
        if not isinstance(value, self.kind):
            raise ValidationError(self.error_messages[self.kind.__name__])
        if "\\u0000" in json.dumps(value):
            raise ValidationError(self.error_messages["zero"])
        return value
