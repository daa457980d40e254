"""Any server with the `/embeddings` of OpenAI: OpenAI itself, Azure, Ollama, vLLM, llama-server."""

from collections.abc import Sequence
from typing import Any

from openai import APIConnectionError, APIStatusError, BadRequestError, OpenAI

from knowledge.embedding.protocol import DIMENSIONS
from knowledge.embedding.remote import ATTEMPTS, SECONDS, Purpose, RemoteEmbedder, refused

AT_ONCE = 64  # texts in a request; OpenAI takes 2,048, smaller servers wait for each


def openai_embedder(model: str, *, base_url: str = "", key: str = "") -> RemoteEmbedder:
    name = f"openai:{model}"
    client = OpenAI(
        api_key=key or "none",  # the client insists on one, servers at home on none
        base_url=base_url or "https://api.openai.com/v1",
    )
    clients = {
        purpose: client.with_options(timeout=seconds, max_retries=ATTEMPTS[purpose] - 1)
        for purpose, seconds in SECONDS.items()
    }

    def ask(texts: Sequence[str], purpose: Purpose) -> Any:
        try:
            return _numbers(clients[purpose], model, texts)
        except APIStatusError as error:
            raise refused(name, error.status_code) from None
        except APIConnectionError:
            raise refused(name, None) from None

    return RemoteEmbedder(name, ask, at_once=AT_ONCE)


def _numbers(client: OpenAI, model: str, texts: Sequence[str]) -> list[list[float]]:
    asked: dict[str, Any] = {"model": model, "input": list(texts), "encoding_format": "float"}
    try:
        answer = client.embeddings.create(**asked, dimensions=DIMENSIONS)
    except BadRequestError:
        # Some servers refuse the question for a model that gives so many numbers anyway.
        answer = client.embeddings.create(**asked)
    return [found.embedding for found in sorted(answer.data, key=lambda found: found.index)]
