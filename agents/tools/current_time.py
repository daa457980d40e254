"""What time it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agents.tools.asker import Asker
from agents.tools.declaration import Found, Risk, Tool, ToolFailed, parameters


async def _run(asker: Asker, arguments: Mapping[str, Any]) -> Found:
    name = arguments.get("timezone", "UTC")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolFailed("This is no time zone. Write one such as Europe/Berlin.")
    now = datetime.now(zone)
    return Found(f"{now.isoformat(timespec='seconds')} ({now:%A}, {name})")


CURRENT_TIME = Tool(
    name="current_time",
    description="The date, the day of the week and the time now.",
    parameters=parameters(
        timezone={
            "type": "string",
            "maxLength": 50,
            "description": "A time zone such as Europe/Berlin; UTC where it is left out.",
        },
    ),
    run=_run,
    risk=Risk.NONE,
)
