"""The peer: an ASGI app that streams a provider's answer straight through, no more."""

import os

import httpx2

PROVIDER = os.environ["RELAYED_URL"] + "/chat/completions"
client = httpx2.AsyncClient(
    timeout=None, limits=httpx2.Limits(max_connections=1_000), trust_env=False
)


async def application(scope, receive, send):
    body = (await receive())["body"]
    headers = [(b"content-type", b"text/event-stream")]
    async with client.stream("POST", PROVIDER, content=body) as answer:
        await send(
            {"type": "http.response.start", "status": answer.status_code, "headers": headers}
        )
        async for part in answer.aiter_raw():
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
