"""A provider whose calls are accounted for: taken from budgets before, recorded after.

Nothing is held while the model is waited for: two short blocks stand around the call. However it
ends (whole, broken off, closed early, cancelled with its worker) it leaves a record; only a process
that is killed leaves that to `agents.tasks.settle_lost_calls`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.utils import timezone

from agents.accounting import records
from agents.accounting.budgets import BudgetExceeded, Caller, PriceUnknown, State
from agents.accounting.estimates import call_text, input_tokens_of
from agents.accounting.records import Ended, Outcome
from agents.models import OpenCall
from agents.providers.errors import ProviderError, TimedOut
from agents.providers.fallback import Candidate
from agents.providers.protocol import (
    AnswerEvent,
    BudgetWarning,
    Finished,
    FinishReason,
    Provider,
    Request,
    TextDelta,
    ToolCall,
    Usage,
)
from agents.runtime.blocks import in_block
from agents.runtime.tokens import tokens_of

__all__ = ["BudgetExceeded", "Caller", "PriceUnknown", "accounted", "accounted_candidates"]

LONGEST_CALL_SECONDS = 600.0  # shorter than records.LOST_AFTER by more than any silence

logger = logging.getLogger(__name__)


def accounted_candidates(candidates: Sequence[Candidate], caller: Caller) -> list[Candidate]:
    """The same models, each call of which is accounted for by itself."""
    return [
        replace(found, provider=accounted(found.provider, found.model_name, caller))
        for found in candidates
    ]


def accounted(provider: Provider, model_name: str, caller: Caller) -> Provider:
    """Return a provider that raises BudgetExceeded or PriceUnknown rather than call the model.

    After Finished it yields a BudgetWarning for each budget that is nearly used.
    """

    async def answer(request: Request) -> AsyncGenerator[AnswerEvent, None]:
        meter = Meter(input_tokens_of(request))
        call = await _begun(caller, model_name, meter.input_tokens, request.max_tokens)
        try:
            async with aclosing(provider(request)) as events:
                async for event in events:
                    meter.take(event)
                    yield event
                    if meter.seconds() > LONGEST_CALL_SECONDS:
                        raise TimedOut("the whole call")
            is_error = meter.reason == FinishReason.ERROR
            meter.outcome = Outcome.FAILED if is_error else Outcome.COMPLETED
        except ProviderError as error:
            meter.outcome, meter.reason = Outcome.FAILED, error.reason
            raise
        except Exception:
            meter.outcome, meter.reason = Outcome.FAILED, "error"
            raise
        finally:
            near = await _settled(call, meter.ended())
        for state in near:
            yield BudgetWarning(state.as_data())

    return answer


async def _begun(
    caller: Caller, model_name: str, input_tokens: int, output_tokens: int
) -> OpenCall:
    """Begin the call; who is cancelled meanwhile gives back what was taken."""
    begin = partial(
        records.begin,
        caller,
        model_name,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        at=timezone.now(),
    )
    beginning = asyncio.ensure_future(in_block(caller.organization_id, begin))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        await asyncio.wait({beginning})
        if not beginning.cancelled() and not beginning.exception():
            await _settled(beginning.result(), Ended(Outcome.STOPPED, Usage(0, 0)))
        raise


async def _settled(call: Any, ended: Ended) -> Sequence[State]:
    """Settle a call, to the end even when who waits for it is cancelled.

    Where the database does not answer the reply is not lost for it: the call is settled as lost.
    """
    settling = asyncio.ensure_future(in_block(call.organization_id, records.settle, call, ended))
    try:
        return await asyncio.shield(settling)
    except Exception:
        logger.exception("The call %s of a model is not settled yet.", call.pk)
        return []


@dataclass
class Meter:
    """What is seen of a call while it runs. One that is closed early was stopped."""

    input_tokens: int  # as estimated before the call
    outcome: str = Outcome.STOPPED
    reason: str = ""
    told: Usage | None = None
    has_finished: bool = False
    first_at: float | None = None
    began_at: float = field(default_factory=time.monotonic)
    _seen: list[str] = field(default_factory=list)

    def seconds(self) -> float:
        return time.monotonic() - self.began_at

    def take(self, event: AnswerEvent) -> None:
        match event:
            case Usage():
                # An attempt that was made again has told its own.
                self.told = _sum(self.told, event)
                return
            case TextDelta(text):
                self._seen.append(text)
            case ToolCall():
                self._seen.append(call_text(event))
            case Finished(reason):
                self.has_finished, self.reason = True, str(reason)
                return
        if self.first_at is None:
            self.first_at = self.seconds()

    def ended(self) -> Ended:
        usage, is_estimated = self._usage()
        return Ended(
            self.outcome,
            usage,
            reason=self.reason,
            is_estimated=is_estimated,
            first_token_ms=None if self.first_at is None else round(self.first_at * 1000),
            whole_ms=round(self.seconds() * 1000),
        )

    def _usage(self) -> tuple[Usage, bool]:
        """What the provider told; what it seems to be where it told nothing, or not the end."""
        written = tokens_of("".join(self._seen))
        if self.told and (self.has_finished or written <= self.told.output_tokens):
            return self.told, False
        if self.told:
            return replace(self.told, output_tokens=written), True
        if self._seen or self.outcome != Outcome.FAILED:
            return Usage(self.input_tokens, written), True
        return Usage(0, 0), False


def _sum(one: Usage | None, other: Usage) -> Usage:
    if one is None:
        return other
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cached_tokens + other.cached_tokens,
    )
