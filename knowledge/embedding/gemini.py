"""Gemini's embedding models, such as gemini-embedding-001."""

from collections.abc import Sequence
from typing import Any

from google import genai
from google.genai import errors, types

from knowledge.embedding.protocol import DIMENSIONS
from knowledge.embedding.remote import ATTEMPTS, SECONDS, Purpose, RemoteEmbedder, refused

AT_ONCE = 100  # texts in a request, the most it takes
_TASKS: dict[Purpose, str] = {"passage": "RETRIEVAL_DOCUMENT", "query": "RETRIEVAL_QUERY"}


def gemini_embedder(
    model: str, *, base_url: str = "", key: str = "", pause: float = 1.0
) -> RemoteEmbedder:
    """`pause` is how many seconds it waits before the second attempt; later pauses double."""
    name = f"gemini:{model}"
    client = genai.Client(
        api_key=key or "none",
        vertexai=False,
        http_options=types.HttpOptions(
            base_url=base_url or "https://generativelanguage.googleapis.com"
        ),
    )
    configs = {purpose: _config(purpose, pause) for purpose in _TASKS}

    def ask(texts: Sequence[str], purpose: Purpose) -> Any:
        try:
            answer = client.models.embed_content(
                model=model,
                contents=[types.Content(parts=[types.Part(text=text)]) for text in texts],
                config=configs[purpose],
            )
        except errors.APIError as error:
            raise refused(name, error.code) from None
        except Exception as error:
            # Its transport is one of two libraries, each with errors of its own.
            if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore"):
                raise refused(name, None) from None
            raise
        return [found.values for found in answer.embeddings or []]

    return RemoteEmbedder(name, ask, at_once=AT_ONCE)


def _config(purpose: Purpose, pause: float) -> types.EmbedContentConfig:
    return types.EmbedContentConfig(
        output_dimensionality=DIMENSIONS,
        task_type=_TASKS[purpose],
        http_options=types.HttpOptions(
            timeout=int(1000 * SECONDS[purpose]),
            retry_options=types.HttpRetryOptions(
                attempts=ATTEMPTS[purpose], initial_delay=pause, jitter=pause
            ),
        ),
    )
