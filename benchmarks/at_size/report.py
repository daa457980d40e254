"""What is measured in the world, and how it is printed."""

import re
import time
from collections.abc import Callable
from statistics import median
from unittest.mock import patch

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.at_size import peers
from knowledge import nearest
from knowledge.models import Document
from knowledge.search import SearchFilters, search
from tenants.context import acting_for

DEPTH = 10
NEVER = 1e18  # times as dear as comparing one vector: the index is not used
LISTED = 50
# Projects and grants are few in these organizations, and may be read in turn.
_ALL_READ = re.compile(r"Seq Scan on knowledge_(document|documentchunk|chunkembedding|posting)\b")


class Asking:
    """One way to search in one organization: the product's own search, transaction included."""

    def __init__(self, world, organization, user, *, mode="vector", filters=None, exact=False):
        self.world, self.organization, self.user = world, organization, user
        self.options = {"mode": mode, "filters": filters, "top_k": DEPTH}
        self.cost = NEVER if exact else nearest.COST_OF_INDEX

    def __call__(self, number: int) -> list:
        number %= len(self.world.questions)
        with (
            patch.object(nearest, "COST_OF_INDEX", self.cost),
            acting_for(self.organization.organization_id, read_only=True),
        ):
            return search(
                user=self.user,
                query=self.world.questions[number],
                vector=self.world.vectors[number],
                **self.options,
            )

    def statement(self, number: int) -> str:
        with acting_for(self.organization.organization_id):
            with CaptureQueriesContext(connection) as queries:
                self(number)
            return next(query["sql"] for query in queries if query["sql"].startswith("WITH"))


def print_all(world, *, rounds: int) -> None:
    print(f"\nRecall@{DEPTH} of `vector` against exact, {len(world.questions)} questions")
    for size, organization in world.measured.items():
        print_recall(world, size, organization)
    print(f"\nTime, as the median ratio of {rounds} rounds")
    for size, organization in list(world.measured.items())[-2:]:
        print_times(world, size, organization, rounds)
    largest = list(world.measured.values())[-1]
    print_price_of_policies(world, largest, rounds)
    print("\nPlans")
    for size, organization in world.measured.items():
        print_plan(world, size, organization)


def print_recall(world, size, organization) -> None:
    everything, rare = organization.owner, SearchFilters(metadata={"kind": "rare"})
    ways = {
        "all documents": (everything, None),
        **{
            f"{name} of them": (organization.readers[name], None)
            for name in ("a half", "a tenth", "a hundredth")
        },
        "5 % by metadata": (everything, rare),
    }
    found = []
    for name, (user, filters) in ways.items():
        asked = Asking(world, organization, user, filters=filters)
        exact = Asking(world, organization, user, filters=filters, exact=True)
        found.append(f"{name} {recall(asked, exact, len(world.questions)):.3f}")
    print(f"{size:>8,}  {', '.join(found)}", flush=True)


def recall(asked: Callable, exact: Callable, questions: int) -> float:
    shares = []
    for number in range(questions):
        wanted = {hit.chunk_id for hit in exact(number)}
        if wanted:
            shares.append(len(wanted & {hit.chunk_id for hit in asked(number)}) / len(wanted))
    return sum(shares) / len(shares) if shares else 1.0


def print_times(world, size, organization, rounds) -> None:
    asked = Asking(world, organization, organization.owner)
    exact = Asking(world, organization, organization.owner, exact=True)
    with peers.application(organization.organization_id) as app:
        fast, slow = ([way.statement(number) for number in range(10)] for way in (asked, exact))
        print_compared(size, "exact", app_asked(app, fast), app_asked(app, slow), rounds)
        print_against_qdrant(world, size, organization, app_asked(app, fast), exact, rounds)


def app_asked(app: Callable, statements: list[str]) -> Callable:
    return lambda number: app(statements[number % len(statements)])


def print_compared(size, name, one, other, rounds) -> None:
    ratio, ours, theirs = compared(one, other, rounds)
    print(f"{size:>8,}  vector / {name} {ratio:.3f}   ({ours:.1f}, {theirs:.1f} ms)", flush=True)


def print_against_qdrant(world, size, organization, asked, exact, rounds) -> None:
    with peers.qdrant(organization.organization_id) as ask:
        if ask is None:
            print(f"{size:>8,}  qdrant-edge-py is not installed")
            return
        other = lambda number: ask(question(world, number % 10))  # noqa: E731
        print_compared(size, "qdrant-edge", asked, other, rounds)
        ids = [{hit.chunk_id for hit in exact(number)} for number in range(20)]
        same = sum(len(ids[n] & set(ask(question(world, n)))) / DEPTH for n in range(20)) / 20
        print(f"{size:>8,}  recall of qdrant-edge {same:.3f}", flush=True)


def question(world, number):
    return world.vectors[number % len(world.vectors)]


def compared(one: Callable, other: Callable, rounds: int) -> tuple[float, float, float]:
    """The median of the rounds' ratios, and the medians of both in milliseconds."""
    for number in range(3):
        one(number), other(number)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = [0, 1] if number % 2 else [1, 0]
        for which in order:
            began = time.perf_counter()
            (one, other)[which](number)
            times[which].append(1_000 * (time.perf_counter() - began))
    ratio = median(a / b for a, b in zip(*times, strict=True))
    return ratio, median(times[0]), median(times[1])


def print_price_of_policies(world, organization, rounds) -> None:
    """The same statements by the application under row security and by the owner without."""
    print("Under row security / as the owner, the same statement in the same kind of transaction:")
    with peers.application(organization.organization_id) as app, peers.owner() as owner:
        for mode in ("vector", "text", "hybrid"):
            asking = Asking(world, organization, organization.owner, mode=mode)
            statements = [asking.statement(number) for number in range(10)]
            ratio, ours, theirs = compared(
                lambda number, s=statements: app(s[number % 10]),
                lambda number, s=statements: owner(s[number % 10]),
                rounds,
            )
            print(f"{'':>8}  {mode:7} {ratio:.2f}   ({ours:.1f} ms, {theirs:.1f} ms)", flush=True)
        with acting_for(organization.organization_id):
            listed = Document.objects.visible_to(organization.owner).defer("embedding")[:LISTED]
            with CaptureQueriesContext(connection) as queries:
                list(listed)
        sql = queries[-1]["sql"]
        ratio, ours, theirs = compared(lambda _: app(sql), lambda _: owner(sql), 4 * rounds)
        print(f"{'':>8}  {'list':7} {ratio:.2f}   ({ours:.1f} ms, {theirs:.1f} ms)", flush=True)


def print_plan(world, size, organization) -> None:
    """Say which index finds the vectors; fail where content is read from end to end."""
    name = nearest.index_name(organization.organization_id, nearest_model(organization))
    for who, user in {"all": organization.owner, **organization.readers}.items():
        if who == "the rest":
            continue
        statement = Asking(world, organization, user).statement(0)
        with acting_for(organization.organization_id), connection.cursor() as cursor:
            cursor.execute(nearest.SETTINGS)
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {statement}")
            lines = [line for (line,) in cursor.fetchall()]
        used = [line for line in lines if " Scan" in line and "never executed" not in line]
        assert not [line for line in used if _ALL_READ.search(line)], used
        by = "its own index" if any(name in line for line in used) else "documents, exactly"
        print(f"{size:>8,}  {who:12} by {by}")


def nearest_model(organization) -> str:
    with acting_for(organization.organization_id):
        return Document.objects.values_list("embedding_model", flat=True)[:1].get()
