"""A completion as it is sent: whole, or in chunks. The first part says with which status.

What fails before the first piece of an answer is an error of HTTP, for which clients have
exceptions; what fails later, or after a long silence, is one within the stream.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from agents.api.late import Opening, Part
from agents.openai_api import errors
from agents.openai_api.slots import slot
from agents.openai_api.wire import COMMENT, DONE, Completion, frame
from agents.runtime import stateless
from agents.runtime.blocks import in_block
from agents.runtime.loop import LoopEvent
from agents.runtime.stateless import Question
from agents.runtime.turn import LONGEST_TURN_SECONDS
from agents.tools.asker import NotPermitted
from common.api.problems import Problem
from tenants.sign_in import ASK_EVERY_SECONDS, SignIn

SILENCE_SECONDS = 15.0  # proxies close what is silent for longer
JSON, STREAM = "application/json", "text/event-stream"

Parts = AsyncGenerator[Part, None]


def new_completion(model: str, version: int | None) -> Completion:
    return Completion(f"chatcmpl-{uuid4().hex}", model, version, created=int(time.time()))


async def whole(question: Question, completion: Completion, asker: SignIn) -> Parts:
    """Yield how it opens, and the completion or the error."""
    try:
        answered = _answered(question, asker)
        async with asyncio.timeout(LONGEST_TURN_SECONDS), aclosing(answered) as events:
            async for event in events:
                completion.take(event)
    except Exception as error:  # noqa: BLE001 (told, and logged where it is a fault of ours)
        for part in _refused(errors.problem_of(error)):
            yield part
        return
    yield Opening(200, JSON)
    yield completion.as_json()


async def in_chunks(
    question: Question, completion: Completion, asker: SignIn, *, counts: bool
) -> Parts:
    """Yield how it opens, and the chunks as they come; with `counts` the usage before the end."""
    is_open = False
    first = completion.chunk({"role": "assistant", "content": ""}, counts=counts)
    try:
        async with aclosing(_with_silences(_answered(question, asker))) as events:
            async for event in events:
                if not is_open:
                    is_open = True
                    yield Opening(200, STREAM)
                    yield first
                text = completion.take(event)
                if text:
                    yield completion.chunk({"content": text}, counts=counts)
                elif event is None:
                    yield COMMENT
    except Exception as error:  # noqa: BLE001 (told, and logged where it is a fault of ours)
        problem = errors.problem_of(error)
        for part in [frame(errors.body_of(problem))] if is_open else _refused(problem):
            yield part
        return
    if not is_open:
        yield Opening(200, STREAM)
        yield first
    yield completion.chunk({}, counts=counts, is_last=True)
    if counts:
        yield completion.usage_chunk()
    yield DONE


async def _answered(question: Question, asker: SignIn) -> AsyncGenerator[LoopEvent, None]:
    """Yield the answer's events for as long as the asker's sign-in holds, else NotPermitted."""
    now = asyncio.get_running_loop().time
    asked_at = now()
    with slot(question.organization_id):
        async with aclosing(stateless.answer(question)) as events:
            async for event in events:
                if now() >= asked_at + ASK_EVERY_SECONDS:
                    if not await in_block(question.organization_id, asker.holds, read_only=True):
                        raise NotPermitted
                    asked_at = now()
                yield event


async def _with_silences(
    source: AsyncGenerator[LoopEvent, None],
) -> AsyncGenerator[LoopEvent | None, None]:
    """Yield what comes, and None after each while in which nothing did.

    One task reads the source, for its libraries do not like to change tasks.
    """
    queue: asyncio.Queue[Any] = asyncio.Queue()
    end = object()

    async def read() -> None:
        async with asyncio.timeout(LONGEST_TURN_SECONDS), aclosing(source):
            async for item in source:
                queue.put_nowait(item)

    reader = asyncio.create_task(read())
    reader.add_done_callback(lambda _: queue.put_nowait(end))
    try:
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    item = await queue.get()
            except TimeoutError:
                item = None
            if item is end:
                reader.result()
                return
            yield item
    finally:
        reader.cancel()
        await asyncio.wait({reader})


def _refused(problem: Problem) -> list[Part]:
    body = json.dumps(errors.body_of(problem), ensure_ascii=False).encode()
    return [Opening(problem.status_code, JSON, problem.headers), body]
