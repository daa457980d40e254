import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.providers.fake.faults import FAULTS
from agents.providers.fake.protocols import PROTOCOLS
from agents.providers.fake.script import Script, ScriptError, parsed
from agents.providers.fake.server import Received, serving


class Command(BaseCommand):
    help = (
        "Serve scripted answers by a provider's protocol on a loopback address, to try agents"
        " without a key. Each request, and each usage that is told, is written as a line of JSON."
        " docs/providers.md describes scripts."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--protocol", choices=sorted(PROTOCOLS), required=True)
        parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
        parser.add_argument("--script", type=Path, help="a file of JSON; without it, one answer")
        parser.add_argument("--key", default="", help="answer requests with another key by 401")

    def handle(self, **options: Any) -> None:
        script = self._script(options["script"])
        with suppress(KeyboardInterrupt):
            asyncio.run(self._serve(script, options["protocol"], options["port"], options["key"]))

    async def _serve(self, script: Script, protocol: str, port: int, key: str) -> None:
        try:
            logs: Any = {"log": self._log, "tell": self._tell}
            async with serving(protocol, script, **logs, port=port, key=key) as url:
                self.stdout.write(f"{protocol.upper()}_BASE_URL={url}")
                self.stdout.flush()
                await asyncio.Event().wait()
        except OSError as error:
            raise CommandError(f"Port {port} cannot be had: {error.strerror}.") from error

    def _log(self, received: Received) -> None:
        self._write(received.as_log())

    def _tell(self, usage: dict[str, int]) -> None:
        self._write({"usage": usage})

    def _write(self, line: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(line))
        self.stdout.flush()

    def _script(self, file: Path | None) -> Script:
        if file is None:
            return Script([])
        try:
            return parsed(json.loads(file.read_text()), faults=sorted(FAULTS))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from error
        except ValueError as error:
            is_ours = isinstance(error, ScriptError)
            raise CommandError(f"{file}: {error if is_ours else 'this is no JSON.'}") from error
