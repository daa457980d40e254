"""The libraries' clients: one for each access and event loop, closed with the loop."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx2

from agents.providers.access import Access
from agents.providers.transport import Transport

# So many accesses keep their connections; of others the one that was unused for longest is closed.
_KEPT = 32

Make = Callable[[Access, httpx2.AsyncClient], Any]


class Clients:
    """The clients of one event loop."""

    def __init__(self) -> None:
        self._clients: OrderedDict[Access, tuple[Any, httpx2.AsyncClient]] = OrderedDict()
        self._uses: dict[Access, int] = {}

    def take(self, access: Access, make: Make) -> Any:
        if access not in self._clients:
            http = httpx2.AsyncClient(
                transport=Transport(access), timeout=None, follow_redirects=False, trust_env=False
            )
            self._clients[access] = (make(access, http), http)
        self._clients.move_to_end(access)
        self._uses[access] = self._uses.get(access, 0) + 1
        return self._clients[access][0]

    async def give_back(self, access: Access) -> None:
        self._uses[access] -= 1
        if not self._uses[access]:
            del self._uses[access]
        unused = [access for access in self._clients if access not in self._uses]
        for superfluous in unused[: max(0, len(self._clients) - _KEPT)]:
            _, http = self._clients.pop(superfluous)
            await http.aclose()

    async def close(self) -> None:
        while self._clients:
            _, (_, http) = self._clients.popitem()
            await http.aclose()


# Of each running loop: its clients, and the generator that closes them.
_of_loops: dict[asyncio.AbstractEventLoop, tuple[Clients, AsyncGenerator[None, None]]] = {}


async def clients() -> Clients:
    """Return the clients of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _of_loops:
        _of_loops[loop] = Clients(), _closing_at_the_end_of(loop)
        await anext(_of_loops[loop][1])
    return _of_loops[loop][0]


async def _closing_at_the_end_of(
    loop: asyncio.AbstractEventLoop,
) -> AsyncGenerator[None, None]:
    """Close the loop's clients when it closes its generators, the last thing that it does."""
    try:
        yield
    finally:
        found, _ = _of_loops.pop(loop)
        await found.close()
