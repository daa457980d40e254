"""What is measured in the world, and how it is printed."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest.mock import patch

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.at_size import peers
from knowledge.models import Document
from knowledge.search import SearchFilters, nearest, search
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
        print_compared(
            f"{size:,}", "vector / exact", Repeated(app, fast), Repeated(app, slow), rounds
        )
        print_against_qdrant(world, size, organization, Repeated(app, fast), exact, rounds)


class Repeated:
    """Asks a peer one of ten things."""

    def __init__(self, peer: peers.Peer, things: list) -> None:
        self.ask, self.pid, self.things = peer.ask, peer.pid, things

    def __call__(self, number: int) -> list:
        return self.ask(self.things[number % 10])

    def used(self) -> float:
        """Milliseconds of all processors that this process and PostgreSQL's have used so far."""
        there = 0.0
        if self.pid:
            there = int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e6
        return 1_000 * time.process_time() + there


def print_compared(label, name, one, other, rounds) -> None:
    """Print the median ratios of the rounds, of time that passed and of processors' time."""
    measured = compared(one, other, rounds)
    passed, used = (median(a / b for a, b in pairs) for pairs in measured)
    ours, theirs = (median(times) for times in zip(*measured[1], strict=True))
    print(
        f"{label:>8}  {name:22} {used:.2f} of processors ({ours:.1f}, {theirs:.1f} ms), "
        f"{passed:.2f} of time",
        flush=True,
    )


def compared(one: Repeated, other: Repeated, rounds: int) -> tuple[list, list]:
    """By round the milliseconds that passed for both, and those that processors worked."""
    for number in range(3):
        one(number), other(number)
    passed, used = [], []
    for number in range(rounds):
        round_passed, round_used = {}, {}
        for asked in (one, other) if number % 2 else (other, one):
            before, began = asked.used(), time.perf_counter()
            asked(number)
            round_passed[asked] = 1_000 * (time.perf_counter() - began)
            round_used[asked] = asked.used() - before
        passed.append((round_passed[one], round_passed[other]))
        used.append((round_used[one], round_used[other]))
    return passed, used


def print_against_qdrant(world, size, organization, asked, exact, rounds) -> None:
    with peers.qdrant(organization.organization_id) as qdrant:
        if qdrant is None:
            print(f"{size:>8,}  qdrant-edge-py is not installed")
            return
        peer = Repeated(qdrant, list(world.vectors[:10]))
        print_compared(f"{size:,}", "vector / qdrant-edge", asked, peer, rounds)
        ids = [{hit.chunk_id for hit in exact(number)} for number in range(20)]
        same = sum(len(ids[n] & set(qdrant.ask(world.vectors[n]))) / DEPTH for n in range(20)) / 20
        print(f"{size:>8,}  recall of qdrant-edge {same:.3f}", flush=True)


def print_price_of_policies(world, organization, rounds) -> None:
    """The same statements by the application under row security and by the owner without."""
    print("Under row security / as the owner, the same statement in the same kind of transaction:")
    with peers.application(organization.organization_id) as app, peers.owner() as owner:
        for mode in ("vector", "text", "hybrid"):
            asking = Asking(world, organization, organization.owner, mode=mode)
            statements = [asking.statement(number) for number in range(10)]
            print_compared(mode, "", Repeated(app, statements), Repeated(owner, statements), rounds)
        with acting_for(organization.organization_id):
            listed = Document.objects.visible_to(organization.owner).defer("embedding")[:LISTED]
            with CaptureQueriesContext(connection) as queries:
                list(listed)
        sql = queries[-1]["sql"]
        print_compared(
            "list", "", Repeated(app, [sql] * 10), Repeated(owner, [sql] * 10), 4 * rounds
        )


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
