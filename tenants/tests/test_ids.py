import time
from uuid import RFC_4122

import pytest

from common import ids
from common.ids import uuid7
from tenants.context import acting_for
from tenants.tests.racing import race
from tenants.tests.trees import ENTITIES, make_tree


def milliseconds(identifier):
    return identifier.int >> 80


def test_an_id_is_a_version_7_uuid():
    for identifier in (uuid7() for _ in range(1000)):
        assert identifier.version == 7
        assert identifier.variant == RFC_4122


def test_an_id_says_when_it_was_made():
    before = time.time_ns() // 1_000_000
    made = milliseconds(uuid7())
    after = time.time_ns() // 1_000_000
    # A burst before may have run ahead of the clock, by less than a millisecond for 4,096 ids.
    assert before <= made <= after + 1


def test_each_id_is_greater_than_the_one_before():
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_each_is_greater_than_the_one_before_in_every_thread():
    def work():
        return [uuid7() for _ in range(5_000)]

    lists = race(*[work] * 8)
    assert all(made == sorted(made) for made in lists)
    assert len({identifier for made in lists for identifier in made}) == 40_000


def test_the_random_bits_are_not_the_same_twice():
    tails = {uuid7().int & ((1 << 62) - 1) for _ in range(10_000)}
    assert len(tails) == 10_000
    assert 4_500 < sum(tail >> 61 for tail in tails) < 5_500


def test_ids_go_on_when_the_clock_goes_back(monkeypatch):
    day = 24 * 60 * 60 * 1000 << 12
    monkeypatch.setattr(ids, "_last_tick", ids._next_tick() + day)
    before = uuid7()
    assert milliseconds(before) > time.time_ns() // 1_000_000 + 1000
    assert before < uuid7() < uuid7()


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity._meta.label)
def test_every_entity_gets_its_id_from_here(entity):
    assert entity._meta.pk.default is uuid7
    assert not entity._meta.pk.editable


def test_rows_sort_by_the_time_they_were_made(acme):
    with acting_for(acme):
        trees = [make_tree(acme, name=name) for name in "abc"]
        for label in ("tenants.Project", "agents.Message", "knowledge.Document"):
            ids = [tree[label].pk for tree in trees]
            assert ids == sorted(ids)
