"""A calculator, because language models guess."""

from collections.abc import Mapping
from typing import Any

from agents.tools.arithmetic import LONGEST, Unclear, calculated, written
from agents.tools.asker import Asker
from agents.tools.declaration import Found, Risk, Tool, ToolFailed, parameters


async def _run(asker: Asker, arguments: Mapping[str, Any]) -> Found:
    try:
        return Found(written(calculated(arguments["expression"])))
    except Unclear as error:
        raise ToolFailed(str(error))


CALCULATE = Tool(
    name="calculate",
    description=(
        "Calculate exactly: + - * / // % ** and parentheses, abs, min, max, sum,"
        " round(number, places). Numbers have a point and no thousands separators."
    ),
    parameters=parameters(
        ("expression",),
        expression={
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST,
            "description": "Such as (12.50 * 3 + 4) / 2.",
        },
    ),
    run=_run,
    risk=Risk.NONE,
)
