"""A worker that kills itself (SIGKILL) at a named point of a turn, for tests.

DATABASE_URL=… python agents/tests/slow_worker.py POINT

The points: "claim" (it has the job, and has not begun), "model" (it has asked the model), "text"
(some of the answer is kept), "end" (all is said, the end is not kept), "job" (the end is kept, the
job not forgotten), and "never": its model `slow` never comes to an end.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def model(point):
    from agents.providers.protocol import TextDelta
    from agents.runtime import turn

    async def speaks(request):
        if point == "model":
            die()
        yield TextDelta("Twel")
        await asyncio.sleep(2 * turn.WRITE_EVERY_SECONDS)
        if point == "text":
            die()
        if point == "never":
            await asyncio.Event().wait()
        yield TextDelta("ve days.")

    return speaks


def killed_around(run, point):
    async def around(*args):
        if point == "claim":
            die()
        await run(*args)
        if point == "job":
            die()

    return around


def killed_before(end, point):
    def before(*args):
        if point == "end":
            die()
        return end(*args)

    return before


def main(point="never"):
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from procrastinate.contrib.django import app

    from agents.providers import FAMILIES, Family
    from agents.runtime import events, turn

    FAMILIES["slow"] = Family(("slow",), provider=model(point))
    turn.run = killed_around(turn.run, point)
    events.end = killed_before(events.end, point)
    with app.replace_connector(app.connector.get_worker_connector()) as worker:
        worker.run_worker(queues=["turns"])


if __name__ == "__main__":
    main(*sys.argv[1:])
