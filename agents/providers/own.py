"""The providers of the organization that is acted for."""

from typing import Any

from django.apps import apps

from agents.providers.access import Access, Kind
from agents.providers.addresses import BaseURLRefused
from agents.providers.errors import ModelUnavailable
from agents.providers.keys import KeyUnreadable
from tenants.context import current_organization_id


def own_access(model_name: str, kind: Kind | None) -> tuple[Access | None, bool]:
    """Return the access of the provider that lists the model, and True; else of one of the model's
    kind that lists none, and False. None where there is neither."""
    if current_organization_id() is None:
        return None, False
    # Not imported: the model itself needs this package.
    rows: Any = apps.get_model("agents", "ModelProvider")._default_manager
    active = list(rows.filter(is_active=True).order_by("id"))
    listing = [provider for provider in active if provider.serves(model_name)]
    of_kind = [provider for provider in active if provider.kind == kind and not provider.models]
    for provider in [*listing, *of_kind][:1]:
        return _access(provider, model_name), bool(listing)
    return None, False


def own_window(model_name: str) -> int | None:
    """The window that the organization's provider says a model has, in tokens; None where it says
    nothing."""
    if current_organization_id() is None:
        return None
    rows: Any = apps.get_model("agents", "ModelProvider")._default_manager
    for provider in rows.filter(is_active=True).order_by("id"):
        if provider.serves(model_name):
            named = next(m for m in provider.models if m.get("name") == model_name)
            window = named.get("context_window")
            return window if isinstance(window, int) and window > 0 else None
    return None


def _access(provider: Any, model_name: str) -> Access:
    try:
        access = provider.access()
    except (KeyUnreadable, BaseURLRefused) as error:
        what = "address" if isinstance(error, BaseURLRefused) else "key"
        raise ModelUnavailable(
            "", f"The {what} of the provider of the model {model_name} has to be entered again."
        ) from None
    if not access.api_key and not provider.base_url:
        raise ModelUnavailable("", f"The provider of the model {model_name} has no key.")
    return access
