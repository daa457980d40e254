"""What it takes to call a model: where, by which name, with which key."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The protocols that this installation speaks; each is a file beside this one."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


BASE_URLS = {
    Kind.OPENAI: "https://api.openai.com/v1",
    Kind.ANTHROPIC: "https://api.anthropic.com",
    Kind.GEMINI: "https://generativelanguage.googleapis.com",
}


@dataclass(frozen=True)
class Access:
    """`is_guarded` where an organization chose the address: it is then a public one, or in
    MODEL_ORGANIZATION_NETWORKS. The key is shown nowhere."""

    kind: Kind
    base_url: str
    api_key: str = field(repr=False)
    is_guarded: bool = False
