"""How fast an answer streams, beside a bare relay of the same model.

    python benchmarks/chat.py [--streams 200] [--tokens 100] [--every 0.02] [--starting 1]

The model is a fake provider that says a token every so often. Asked are a new installation, run by
`manage.py up`, and an ASGI app of a few lines that passes the model's answer on, in as many
processes as a turn has in Chancery. First one answer after the other for the time to the first
token; then as many at once as there are streams, begun within `--starting` seconds.
"""

import argparse
import os
import statistics
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from benchmarks.chatting import clients, processes  # noqa: E402
from benchmarks.chatting.clients import Call, Stream  # noqa: E402
from common.tests.support import temporary_home  # noqa: E402

WARMING = 5  # questions that are not counted
FEW = 10  # streams, to compare the connections of many with
MOST_OF_THEM = 0.9
LOOK_EVERY_SECONDS = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--every", type=float, default=0.02, metavar="SECONDS")
    parser.add_argument("--starting", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--one-by-one", type=int, default=30, metavar="N")
    options = parser.parse_args()
    with (
        temporary_home() as home,
        processes.provider(home, options.tokens, options.every) as provider,
        processes.relay(home, provider) as relay,
        processes.chancery(home) as chancery,
    ):
        api = processes.Api(chancery)
        urls = api.conversations(max(options.streams, FEW), provider)
        headers = api.headers | {"Accept": "text/event-stream"}
        questions = [f"What is said about item {n}?" for n in range(len(urls))]
        ours = [
            Call(url, {"content": question}, headers)
            for url, question in zip(urls, questions, strict=True)
        ]
        theirs = [
            Call(relay, {"model": "fake-1", "stream": True, "messages": [question]}, {})
            for question in questions
        ]
        print_all(home, ours, theirs, options)


def print_all(home: Path, ours: Sequence[Call], theirs: Sequence[Call], options) -> None:
    text = processes.text_of(options.tokens)

    def ask(calls: Sequence[Call], *, starting: float = 0.0, at_once: int = 1) -> list[Stream]:
        said = clients.said_by_chancery if calls[0] in ours else clients.said_by_provider
        return clients.ask_all(calls, said, starting=starting, at_once=at_once)

    ask(ours[:WARMING])
    ask(theirs[:WARMING])
    times = options.one_by_one // FEW + 1
    one_ours = ask((list(ours[:FEW]) * times)[: options.one_by_one])
    one_theirs = ask((list(theirs[:FEW]) * times)[: options.one_by_one])
    print("One answer after the other")
    print_first(one_ours, one_theirs, aims=(0.060, 0.150))
    print_gaps(one_ours, one_theirs)

    with counted(home) as few:
        ask(ours[:FEW], at_once=FEW)
    print(f"\n{options.streams} streams, begun within {options.starting:g} s")
    with counted(home) as none:
        threading.Event().wait(5 * LOOK_EVERY_SECONDS)
    many = {"starting": options.starting, "at_once": options.streams}
    many_theirs = ask(theirs[: options.streams], **many)
    with counted(home) as all_of_them:
        many_ours = ask(ours[: options.streams], **many)
    for name, streams in (("Chancery", many_ours), ("relay", many_theirs)):
        errors = [stream.error for stream in streams if stream.error]
        whole = sum(stream.text == text for stream in streams)
        print(
            f"  {name}: {len(errors)} errors {errors[:3] or ''}, {whole} of {len(streams)} texts"
            f" whole, at most {most_at_once(streams)} at once"
        )
        is_met = not errors and whole == len(streams)
        if name == "Chancery":
            print_aim("every token of every stream, no error", is_met)
            # Fewer at once are no comparison with a relay that had them all.
            are_all = most_at_once(streams) >= MOST_OF_THEM * len(streams)
            print_aim(f"all at once ({most_at_once(streams)} of {len(streams)})", are_all)
    print_first(many_ours, many_theirs)
    print_gaps(many_ours, many_theirs, aim=2.0)
    counts = f"{max(none)} before, {max(few)} with {FEW} streams, {max(all_of_them)} with all"
    print_aim(f"database connections: {counts}", max(all_of_them) <= max(few) + FEW)


def print_first(ours: Sequence[Stream], theirs: Sequence[Stream], aims=(None, None)) -> None:
    for share, aim in zip((50, 95), aims, strict=True):
        mine, other = (
            percentile([s.first_after for s in streams if s.tokens_at], share)
            for streams in (ours, theirs)
        )
        line = f"p{share} to the first token: {_ms(mine)}, relay {_ms(other)},"
        line += f" {_ms(mine - other)} more"
        if aim is None:
            print(f"  {line}")
        else:
            print_aim(f"{line} (at most {_ms(aim)})", mine - other <= aim)


def print_gaps(ours: Sequence[Stream], theirs: Sequence[Stream], aim: float | None = None) -> None:
    mine, other = (
        percentile([gap for s in streams for gap in s.gaps()], 95) for streams in (ours, theirs)
    )
    line = f"p95 between tokens: {_ms(mine)}, relay {_ms(other)}, {mine / other:.2f} x"
    if aim is None:
        print(f"  {line}")
    else:
        print_aim(f"{line} (at most {aim:g} x)", mine <= aim * other)
    lasted = [
        statistics.median(s.tokens_at[-1] - s.tokens_at[0] for s in streams if s.tokens_at)
        for streams in (ours, theirs)
    ]
    print(f"  from the first token to the last: {lasted[0]:.2f} s, relay {lasted[1]:.2f} s")


def print_aim(line: str, is_met: bool) -> None:
    print(f"  {line}: {'met' if is_met else 'NOT met'}", flush=True)


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def most_at_once(streams: Sequence[Stream]) -> int:
    """How many were between their first and their last token at the same moment."""
    steps = [(s.tokens_at[0], 1) for s in streams if s.tokens_at]
    steps += [(s.tokens_at[-1], -1) for s in streams if s.tokens_at]
    at_once = [0]
    for _, step in sorted(steps):
        at_once.append(at_once[-1] + step)
    return max(at_once)


@contextmanager
def counted(home: Path) -> Iterator[list[int]]:
    """Yield the numbers of database connections while inside, looked at from time to time."""
    counts = [processes.database_connections(home)]
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK_EVERY_SECONDS):
            counts.append(processes.database_connections(home))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield counts
    finally:
        is_over.set()
        looking.join()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    main()
