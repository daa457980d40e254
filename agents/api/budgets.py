"""Budgets and sums of usage as the API reads and shows them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.accounting.budgets import WARN_FROM, State, state_of
from agents.accounting.sums import GROUPS
from agents.models import AgentConfig, Budget
from tenants.api.fields import ReferenceField, VisibleField
from tenants.models import Project, User

LONGEST_DAYS = 366


def _amount(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=20, decimal_places=6, min_value=0, normalize_output=True, **options
    )


class BudgetSerializer(serializers.ModelSerializer):
    """What may be used in each day or month, beginning at midnight UTC.

    Of the organization where nothing is named; else of the project, the agent and the user that
    are, where several are, together. What it counts stays; its name and its limit can be changed.
    """

    project = VisibleField(queryset=Project.objects.all(), required=False, allow_null=True)
    agent = VisibleField(queryset=AgentConfig.objects.all(), required=False, allow_null=True)
    user = ReferenceField(queryset=User.objects.all(), required=False, allow_null=True)
    limit = _amount()
    used = serializers.SerializerMethodField(help_text="In the day or month that it is now.")
    is_nearly_used = serializers.SerializerMethodField(help_text="80 % or more are used.")
    renews_at = serializers.SerializerMethodField()

    class Meta:
        model = Budget
        fields = [
            "id",
            "name",
            "project",
            "agent",
            "user",
            "unit",
            "currency",
            "period",
            "limit",
            "used",
            "is_nearly_used",
            "renews_at",
            "created_at",
            "updated_at",
        ]
        validators: list[Any] = []

    def get_used(self, budget: Budget) -> str:
        return self._state(budget).as_data()["used"]

    def get_is_nearly_used(self, budget: Budget) -> bool:
        return self._state(budget).used >= WARN_FROM * budget.limit

    @extend_schema_field(serializers.DateTimeField())
    def get_renews_at(self, budget: Budget) -> str:
        return self._state(budget).as_data()["renews_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance:
            refuse_other_changes(self.instance, attrs)
        elif (attrs["unit"] == Budget.Unit.MONEY) != bool(attrs.get("currency")):
            raise serializers.ValidationError({"currency": MONEY_HAS_ONE})
        return attrs

    def _state(self, budget: Any) -> State:
        if not hasattr(budget, "state"):
            budget.state = state_of(budget, timezone.now())
        return budget.state


MONEY_HAS_ONE = "Money has a currency, tokens have none."
FIXED = frozenset({"project", "agent", "user", "unit", "currency", "period"})
_STAYS = "This stays as it is: add another budget, and delete this one."


def refuse_other_changes(budget: Any, attrs: dict[str, Any]) -> None:
    changed = {name for name in attrs.keys() & FIXED if attrs[name] != getattr(budget, name)}
    if changed:
        raise serializers.ValidationError(dict.fromkeys(changed, _STAYS))


class UsageQuerySerializer(serializers.Serializer):
    """Which days, both included (UTC; this month so far), and by what sums are told apart."""

    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)
    group_by = serializers.CharField(
        required=False,
        default="day,model",
        help_text=f"One or more of {', '.join(GROUPS)}, by commas.",
    )

    def validate_group_by(self, value: str) -> list[str]:
        names = [name for name in dict.fromkeys(value.split(",")) if name]
        if not names or set(names) - set(GROUPS):
            raise serializers.ValidationError(f"The names are {', '.join(GROUPS)}.")
        return names

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        today = timezone.now().date()
        attrs["until"] = until = attrs.get("until", today)
        attrs["since"] = since = attrs.get("since", until.replace(day=1))
        if (until - today).days > LONGEST_DAYS:
            raise serializers.ValidationError({"until": "This is too far in the future."})
        if not 0 <= (until - since).days < LONGEST_DAYS:
            raise serializers.ValidationError(
                {"until": f"Ask for one day at least and {LONGEST_DAYS} at most."}
            )
        return attrs


class UsageSumSerializer(serializers.Serializer):
    """Sums over calls of models. Of the first fields those are there that were grouped by.

    Sums are told apart by currency as well. `cost` is null where no price was known; `unpriced` is
    for how many calls. `name`s are there of what the caller may see and is not deleted.
    """

    day = serializers.DateField(required=False)
    provider = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    agent = serializers.UUIDField(required=False, allow_null=True)
    agent_name = serializers.CharField(required=False, allow_null=True)
    user = serializers.UUIDField(required=False, allow_null=True)
    user_name = serializers.CharField(required=False, allow_null=True)
    project = serializers.UUIDField(required=False, allow_null=True)
    project_name = serializers.CharField(required=False, allow_null=True)
    calls = serializers.IntegerField()
    not_completed = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(help_text="Among the input tokens.")
    output_tokens = serializers.IntegerField()
    currency = serializers.CharField()
    cost = serializers.DecimalField(
        max_digits=None, decimal_places=12, normalize_output=True, allow_null=True
    )
    unpriced = serializers.IntegerField()

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        """Without what was not grouped by: a null would say that it was nobody's."""
        shown = super().to_representation(instance)
        return {name: value for name, value in shown.items() if name in instance}


class UsageSerializer(serializers.Serializer):
    since = serializers.DateField()
    until = serializers.DateField()
    results = UsageSumSerializer(many=True)
