import asyncio
import json

import pytest

from common.body_limit import BodyLimit

LIMIT = 10


async def app(scope, receive, send):
    """Read the whole body, as Django does, and answer with its length."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def answer_to(pieces, headers=()):
    """Return (status, body, how many pieces were read)."""
    waiting = list(pieces)
    sent = []

    async def receive():
        assert waiting, "a server has nothing more to give and would wait for ever"
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": headers}
    asyncio.run(BodyLimit(app, LIMIT)(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], sent[1]["body"], len(pieces) - len(waiting)


@pytest.mark.parametrize("pieces", [[b""], [b"x" * 10], [b"x" * 5, b"x" * 5, b""]])
def test_a_body_within_the_limit_is_passed_on(pieces):
    status, body, _ = answer_to(pieces)
    assert (status, int(body)) == (200, sum(map(len, pieces)))


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6, b"x" * 6], [b"x" * 11, b""]])
def test_a_body_beyond_it_is_refused_when_all_of_it_was_read(pieces):
    status, body, read = answer_to(pieces)
    assert (status, read) == (413, len(pieces))
    assert json.loads(body)["status"] == 413


def test_a_body_without_end_is_not_read_to_its_end():
    status, _, read = answer_to([b"x" * 5] * 1000)
    assert status == 413
    assert read < 10


def test_a_declared_length_beyond_the_limit_never_reaches_the_application():
    status, _, read = answer_to([b"x" * 11], headers=[(b"content-length", b"11")])
    assert (status, read) == (413, 1)


def test_what_is_no_request_is_passed_on():
    passed = []

    async def lifespan(scope, receive, send):
        passed.append(scope["type"])

    asyncio.run(BodyLimit(lifespan, LIMIT)({"type": "lifespan"}, None, None))
    assert passed == ["lifespan"]
