"""Whether a question can be asked at all, before it is stored."""

from typing import Any

from django.utils import timezone

from agents.accounting import budgets
from agents.accounting.budgets import Caller, amount_of
from agents.accounting.prices import model_called
from agents.providers import candidates_for
from agents.providers.protocol import Usage
from agents.runtime.tokens import tokens_of


def refuse_what_cannot_fit(caller: Caller, settings_of_agent: Any, content: str) -> None:
    """Raise BudgetExceeded where an answer could need more than is left of a budget.

    What it may need is known in full, with passages and history, only when its turn runs: this
    is the least. Raises PriceUnknown where a budget counts money and the model has no price.
    """
    living = [budget for budget in budgets.holding_for(caller) if not budget.is_deleted]
    if not living:
        return
    model = model_called(candidates_for(settings_of_agent)[0].model_name)
    read = tokens_of(settings_of_agent.system_prompt) + tokens_of(content)
    worst = amount_of(model.price, Usage(read, settings_of_agent.max_tokens))
    if not model.is_free:
        budgets.refuse_what_cannot_fit(living, model.name, worst, timezone.now())
