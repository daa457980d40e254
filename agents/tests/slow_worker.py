"""A worker whose model `slow` never comes to an end, for tests that kill it.

DATABASE_URL=… python agents/tests/slow_worker.py
"""

import asyncio
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


async def never_ends(request):
    from agents.providers.protocol import TextDelta

    yield TextDelta("Twel")
    await asyncio.Event().wait()


def main():
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from procrastinate.contrib.django import app

    from agents.providers import FAMILIES, Family

    FAMILIES["slow"] = Family(("slow",), provider=never_ends)
    with app.replace_connector(app.connector.get_worker_connector()) as worker:
        worker.run_worker(queues=["turns"])


if __name__ == "__main__":
    main()
