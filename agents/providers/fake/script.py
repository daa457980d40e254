"""What a fake provider answers, request by request."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from agents.providers.protocol import FinishReason


class ScriptError(ValueError):
    """A script says something that cannot be done. The text names what."""


@dataclass(frozen=True)
class Answer:
    """One answer, or with `fault` what goes wrong with it."""

    text: str = "Nobody knows."
    tool_calls: Sequence[dict[str, Any]] = ()  # {"id", "name", "arguments": {...} or a string}
    finish: str = ""  # a FinishReason; as it follows from the rest, where it is not named
    usage: dict[str, int] | None = field(
        default_factory=lambda: {"input": 30, "cached": 10, "output": 4}
    )
    piece: int = 4  # characters of text in each event
    delay: float = 0.0  # seconds before each event
    fault: str = ""
    retry_after: str = ""  # of the fault "429"
    location: str = ""  # of the fault "redirect"
    seconds: float = 0.05  # between bytes, of the faults that drip; between keep-alives

    def pieces(self) -> list[str]:
        return [self.text[at : at + self.piece] for at in range(0, len(self.text), self.piece)]

    def reason(self) -> FinishReason:
        if self.finish:
            return FinishReason(self.finish)
        return FinishReason.TOOL_CALLS if self.tool_calls else FinishReason.STOP


class Script:
    """Answers in the order of the requests; the last one is given to all further ones."""

    def __init__(self, answers: Sequence[Answer]):
        self._answers = list(answers) or [Answer()]

    def next(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def parsed(data: Any, *, faults: Sequence[str]) -> Script:
    """Return the script that {"answers": [...]} is, or raise ScriptError."""
    if not isinstance(data, dict) or not isinstance(data.get("answers"), list):
        raise ScriptError('A script is {"answers": [...]}.')
    return Script([_answer(number, found, faults) for number, found in enumerate(data["answers"])])


def _answer(number: int, found: Any, faults: Sequence[str]) -> Answer:
    known = {f.name for f in fields(Answer)}
    if not isinstance(found, dict) or found.keys() - known:
        raise ScriptError(f"Answer {number}: the names are {', '.join(sorted(known))}.")
    answer = Answer(**found)
    if answer.fault and answer.fault not in faults:
        raise ScriptError(f"Answer {number}: the faults are {', '.join(faults)}.")
    if answer.finish and answer.finish not in list(FinishReason):
        raise ScriptError(f"Answer {number}: finish is one of {', '.join(FinishReason)}.")
    return answer
