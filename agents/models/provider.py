from django.db import models
from django.db.models import Q

from agents.providers.access import BASE_URLS, Access, Kind
from agents.providers.addresses import check_base_url
from agents.providers.keys import seal, unseal
from tenants.audit.triggers import Audited
from tenants.models.base import ControlPlaneOwned, deleted_rows

_SHORTEST_TO_SHOW = 16  # characters; the end of a shorter key would tell too much of it
_SHOWN = 4


class ProviderKind(models.TextChoices):
    OPENAI = "openai", "OpenAI, or a server that speaks its protocol"
    ANTHROPIC = "anthropic", "Anthropic"
    GEMINI = "gemini", "Google Gemini"


class ModelProvider(ControlPlaneOwned):
    """An organization's own access to language models.

    Its key goes in and never comes out. `models` are {"name", "context_window", "max_output"
    (tokens), "input_price", "cached_price", "output_price" (per million tokens), "currency"}; a
    provider without any serves all models whose names say that they are of its kind.
    """

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=ProviderKind)
    base_url = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    sealed_key = models.TextField(blank=True, editable=False)
    key_end = models.CharField(max_length=_SHOWN, blank=True, editable=False)
    models = models.JSONField(default=list, blank=True)

    class Meta(ControlPlaneOwned.Meta):
        verbose_name = "model provider"
        ordering = ["name", "id"]
        constraints = [
            *ControlPlaneOwned.Meta.constraints,
            Audited(
                name="agents_modelprovider_audit",
                columns=("name", "kind", "base_url", "models", "is_active"),
                secrets=("sealed_key",),
                title="name",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["openai", "anthropic", "gemini"]),
                name="agents_modelprovider_kind",
            ),
            models.CheckConstraint(
                condition=models.lookups.Exact(
                    models.Func("models", function="jsonb_typeof", output_field=models.CharField()),
                    models.Value("array"),
                ),
                name="agents_modelprovider_models",
            ),
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=Q(is_deleted=False),
                name="agents_modelprovider_name",
            ),
        ]
        indexes = [deleted_rows("agents_modelprovider_deleted")]

    def __str__(self):
        return self.name

    @property
    def has_key(self):
        return bool(self.sealed_key)

    def keep_key(self, key):
        """Seal a key for this provider where it is now. "" takes away the one there is."""
        self.sealed_key = seal(key, place=self._place()) if key else ""
        self.key_end = key[-_SHOWN:] if len(key) >= _SHORTEST_TO_SHOW else ""

    def access(self):
        """What it takes to call it. Raises KeyUnreadable, or BaseURLRefused where that is refused
        by now."""
        if self.base_url:
            check_base_url(self.base_url)
        return Access(
            Kind(self.kind),
            self.base_url or BASE_URLS[Kind(self.kind)],
            api_key=unseal(self.sealed_key, place=self._place()) if self.sealed_key else "",
            is_guarded=True,
        )

    def serves(self, model_name):
        """Whether a model of this name is listed here."""
        return any(isinstance(m, dict) and m.get("name") == model_name for m in self.models)

    def _place(self):
        return f"{self.pk} {self.kind} {self.base_url}"
