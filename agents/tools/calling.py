"""Doing what a model asks for, or telling it why not. Whatever it asks, there is an answer."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

from agents.providers.cleaning import clean
from agents.providers.protocol import Malformed, ToolCall
from agents.tools.asker import Asker, NotPermitted
from agents.tools.declaration import Tool, ToolFailed

SECONDS = 20.0  # for one call
LONGEST_ARGUMENTS = 8_000  # characters, as JSON
LONGEST_RESULT = 16_000  # characters, of what the model is told
_SHOWN_ARGUMENTS = 1_000
_CUT = "\n[The rest was cut off: ask for less.]"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a call gave, as the model is told; `documents` are those that its text is from."""

    text: str
    is_error: bool = False
    documents: frozenset[UUID] = frozenset()

    def shortened(self, longest: int) -> "Outcome":
        """The same in so many characters at most."""
        if len(self.text) <= longest:
            return self
        return replace(self, text=self.text[: max(0, longest - len(_CUT))] + _CUT)


def with_bounded_arguments(call: ToolCall) -> ToolCall:
    """The call, its arguments no longer than a tool takes: longer ones are as good as malformed."""
    if isinstance(call.arguments, Malformed):
        return call
    written = json.dumps(dict(call.arguments), ensure_ascii=False)
    if len(written) <= LONGEST_ARGUMENTS:
        return call
    return replace(call, arguments=Malformed(written[:_SHOWN_ARGUMENTS]))


async def outcome_of(call: ToolCall, allowed: Sequence[Tool], asker: Asker) -> Outcome:
    """Run the tool that a model calls, if it is among the allowed ones and the asking user has its
    permission now. Raises nothing but NotPermitted: the turn itself may not go on."""
    tool = next((tool for tool in allowed if tool.name == call.name), None)
    if tool is None:
        names = ", ".join(tool.name for tool in allowed) or "none"
        return _refused(f"There is no such tool. There are: {names}.")
    if isinstance(call.arguments, Malformed):
        return _refused("The arguments are no JSON object, or too long.")
    if complaint := _complaint(tool, call.arguments):
        return _refused(complaint)
    try:
        async with asyncio.timeout(SECONDS):
            if not await asker.may_use(tool.permission):
                return _refused("The user has not the right to do this.")
            found = await tool.run(asker, call.arguments)
    except ToolFailed as error:
        return _refused(str(error))
    except NotPermitted:
        raise
    except TimeoutError:
        return _refused("This took too long. Ask for less.")
    except Exception:
        logger.exception("The tool %s failed.", tool.name)
        return _refused("The tool failed. The cause is logged.")
    return Outcome(clean(found.text), documents=found.documents).shortened(LONGEST_RESULT)


def _refused(reason: str) -> Outcome:
    return Outcome(reason, is_error=True)


def _complaint(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """What is wrong with the arguments, "" for nothing."""
    errors = _validator(json.dumps(tool.parameters)).iter_errors(arguments)
    error = next(iter(errors), None)
    if error is None:
        return ""
    place = ".".join(str(part) for part in error.absolute_path)
    return f"The arguments do not fit{f' ({place})' if place else ''}: {error.message[:300]}"


@cache
def _validator(schema: str) -> Any:
    # A quarter of a second to import, in workers alone.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))
