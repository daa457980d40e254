"""Which model embeds: what EMBEDDING_MODEL says.

It is "" for the local model, or a service and its model such as "openai:text-embedding-3-small".
"""

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from knowledge.embedding.protocol import Embedder

MAX_NAME_CHARACTERS = 100  # of the column

_loading = Lock()


class Access(NamedTuple):
    """Where a service is and what it asks for; "" for its usual address, and for no key."""

    base_url: str
    key: str


def _openai(model: str, access: Access) -> Embedder:
    from knowledge.embedding.openai_compatible import openai_embedder

    return openai_embedder(model, base_url=access.base_url, key=access.key)


def _gemini(model: str, access: Access) -> Embedder:
    from knowledge.embedding.gemini import gemini_embedder

    return gemini_embedder(model, base_url=access.base_url, key=access.key)


def _fastembed(model: str, access: Access) -> Embedder:
    from knowledge.embedding.fastembed_local import fastembed_embedder

    return fastembed_embedder(model)


def _local() -> Embedder:
    from knowledge.embedding.minilm import local_embedder

    return local_embedder()


class Service(NamedTuple):
    """`key` names the setting whose key serves at the service's usual address; "" needs none."""

    embedder: Callable[[str, Access], Embedder]
    key: str = ""


# Each is imported when it is used: a client takes a second and tens of megabytes.
SERVICES = {
    "openai": Service(_openai, "OPENAI_API_KEY"),
    "gemini": Service(_gemini, "GEMINI_API_KEY"),
    "fastembed": Service(_fastembed),
}


def embedder() -> Embedder:
    """The embedder of this process, loaded at the first call. Raises EmbedderUnavailable."""
    with _loading:
        return _load(settings.EMBEDDING_MODEL, _access(settings.EMBEDDING_MODEL))


def check_choice() -> None:
    """Raise ImproperlyConfigured unless the settings name a model that could be asked.

    It loads nothing and asks nobody; whether the model gives vectors of the right length is seen at
    `manage.py prepare_embedder`, which `up` runs, and again with each answer.
    """
    chosen = settings.EMBEDDING_MODEL
    if not chosen:
        return
    service, _, model = chosen.partition(":")
    if service not in SERVICES or not model:
        known = ", ".join(f"{name}:MODEL" for name in SERVICES)
        raise ImproperlyConfigured(
            f"EMBEDDING_MODEL={chosen} names no model: give {known}, or unset it for the one that "
            "runs here."
        )
    if len(chosen) > MAX_NAME_CHARACTERS:
        raise ImproperlyConfigured(
            f"EMBEDDING_MODEL has more than {MAX_NAME_CHARACTERS} characters, which are kept with"
            " each vector: give the model a shorter name."
        )
    if SERVICES[service].key and not any(_access(chosen)):
        raise ImproperlyConfigured(
            f"EMBEDDING_MODEL={chosen} needs EMBEDDING_API_KEY, or EMBEDDING_BASE_URL for a server "
            "that asks for no key."
        )


def _access(chosen: str) -> Access:
    """A key for the usual address of a service is never sent to another."""
    service = SERVICES.get(chosen.partition(":")[0])
    key = settings.EMBEDDING_API_KEY
    if service and service.key and not settings.EMBEDDING_BASE_URL:
        key = key or getattr(settings, service.key)
    return Access(settings.EMBEDDING_BASE_URL, key)


@cache
def _load(chosen: str, access: Access) -> Embedder:
    if not chosen:
        return _local()
    check_choice()
    service, _, model = chosen.partition(":")
    return SERVICES[service].embedder(model, access)
