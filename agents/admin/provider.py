from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from rest_framework.exceptions import ValidationError as APIValidationError
from unfold.widgets import UnfoldAdminPasswordWidget

from agents.api.providers import (
    KEY_AGAIN,
    OfferedModelSerializer,
    as_json,
    checked_key,
    is_key_missing,
)
from agents.models import ModelProvider
from agents.providers.addresses import BaseURLRefused, check_base_url
from tenants.admin.base import TIMES, OrganizationAdmin
from tenants.admin.forms import OrganizationForm


class ProviderForm(OrganizationForm):
    """What is typed as the key is shown by no page again, not even by this form with its errors."""

    api_key = forms.CharField(
        label="key",
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="Nobody is shown it again. Left empty, the stored one stays.",
    )

    def clean_api_key(self):
        return _checked(checked_key, self.cleaned_data["api_key"])

    def clean_base_url(self):
        url = self.cleaned_data["base_url"]
        try:
            if url:
                check_base_url(url)
        except BaseURLRefused as error:
            raise ValidationError(str(error)) from error
        return url

    def clean_models(self):
        offered = OfferedModelSerializer(data=self.cleaned_data["models"], many=True)
        if not offered.is_valid():
            raise ValidationError(
                'Write a list of models such as [{"name": "gpt-5", "context_window": 400000}].'
                f" {offered.errors}"
            )
        return [as_json(model) for model in offered.validated_data]

    def clean(self):
        cleaned = super().clean()
        given = self.cleaned_data | {"api_key": self.cleaned_data.get("api_key") or None}
        if is_key_missing(self.instance, given):
            self.add_error("api_key", KEY_AGAIN)
        return cleaned


def _checked(check, value):
    try:
        return check(value)
    except APIValidationError as error:
        raise ValidationError([str(detail) for detail in error.detail]) from error


@admin.register(ModelProvider)
class ModelProviderAdmin(OrganizationAdmin):
    """Organizations' own access to language models."""

    form = ProviderForm
    list_display = ["name", "kind", "base_url", "shown_key", "is_active"]
    list_filter = ["kind", "is_active"]
    search_fields = ["name"]
    ordering = ["name", "id"]
    readonly_fields = ["shown_key"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "base_url", "is_active"]}),
        ("Key", {"fields": ["api_key", "shown_key"]}),
        ("Models", {"fields": ["models"]}),
        TIMES,
    ]
    taken = {"agents_modelprovider_name": ("name", "There is a provider of this name already.")}

    @admin.display(description="stored key")
    def shown_key(self, provider):
        if not provider.has_key:
            return "none"
        return f"…{provider.key_end}" if provider.key_end else "stored"

    def save_model(self, request, obj, form, change):
        if key := form.cleaned_data.get("api_key"):
            obj.keep_key(key)
            form.changed_data += ["sealed_key", "key_end"]
        super().save_model(request, obj, form, change)
