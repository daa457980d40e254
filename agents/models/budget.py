from typing import ClassVar

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField, TenantForeignKey
from tenants.managers import OrganizationManager
from tenants.models.base import ControlPlaneOwned, deleted_rows
from tenants.rls import CompositeForeignKey, RowSecurity


class Budget(ControlPlaneOwned):
    """What may be used in each day or month (UTC): of all the organization, or of what is named.

    Several may hold for a call; it must fit into all of them. Of a deleted one the use goes on
    being counted, so that it is right when the budget comes back.
    """

    class Unit(models.TextChoices):
        TOKENS = "tokens", "Tokens"
        MONEY = "money", "Money"

    class Period(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"

    name = models.CharField(max_length=100, blank=True)
    project = TenantForeignKey(
        "tenants.Project", models.CASCADE, null=True, blank=True, related_name="budgets"
    )
    agent = TenantForeignKey(
        "agents.AgentConfig", models.CASCADE, null=True, blank=True, related_name="budgets"
    )
    user = TenantForeignKey(
        "tenants.User", models.CASCADE, null=True, blank=True, related_name="budgets"
    )
    unit = models.CharField(max_length=20, choices=Unit)
    currency = models.CharField(
        max_length=3,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{3}\Z", "Write three capitals, such as USD.")],
    )
    period = models.CharField(max_length=20, choices=Period)
    limit = models.DecimalField(max_digits=20, decimal_places=6, validators=[MinValueValidator(0)])

    class Meta(ControlPlaneOwned.Meta):
        ordering = ["id"]
        constraints = [
            *ControlPlaneOwned.Meta.constraints,
            Audited(
                name="agents_budget_audit",
                columns=(
                    "name",
                    "project_id",
                    "agent_id",
                    "user_id",
                    "unit",
                    "currency",
                    "period",
                    "limit",
                ),
                title="name",
            ),
            CompositeForeignKey("project", name="agents_budget_project"),
            CompositeForeignKey("agent", name="agents_budget_agent"),
            CompositeForeignKey("user", name="agents_budget_user"),
            models.CheckConstraint(
                condition=Q(unit="tokens", currency="") | Q(unit="money") & ~Q(currency=""),
                name="agents_budget_unit",
                violation_error_message="Money has a currency, tokens have none.",
            ),
            models.CheckConstraint(
                condition=Q(period__in=["day", "month"]), name="agents_budget_period"
            ),
            models.CheckConstraint(condition=Q(limit__gte=0), name="agents_budget_limit"),
            models.UniqueConstraint(
                fields=[
                    "organization",
                    "project",
                    "agent",
                    "user",
                    "unit",
                    "currency",
                    "period",
                ],
                condition=Q(is_deleted=False),
                nulls_distinct=False,
                name="agents_budget_once",
            ),
        ]
        indexes = [deleted_rows("agents_budget_deleted")]

    def __str__(self):
        what = self.currency or self.unit
        amount = f"{self.limit.normalize():f} {what} a {self.period}"
        return f"{self.name} ({amount})" if self.name else amount


class BudgetPeriod(models.Model):
    """What has been used of a budget in one day or month, and what calls that run may use.

    `used` is the sum of the records of the period, in the budget's unit.
    """

    pk = models.CompositePrimaryKey("organization", "budget", "starts_on")
    organization = OrganizationField(related_name="+")
    budget = TenantForeignKey(Budget, models.CASCADE, related_name="periods")
    starts_on = models.DateField()
    used = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    reserved = models.DecimalField(max_digits=30, decimal_places=12, default=0)

    objects: ClassVar = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            RowSecurity(
                name="agents_budgetperiod_rows",
                platform=True,
                verbs="SELECT, INSERT",
                columns=("used", "reserved"),
                platform_verbs="SELECT",
            ),
            CompositeForeignKey("budget", name="agents_budgetperiod_budget"),
            models.CheckConstraint(
                condition=Q(used__gte=0, reserved__gte=0), name="agents_budgetperiod_amounts"
            ),
        ]

    def __str__(self):
        return f"{self.starts_on} {self.used}"
