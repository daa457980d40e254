"""Every route, asked by everybody in every way for their own, others' and deleted rows."""

from time import process_time

import pytest

from config.tests.matrix.actors import ACTORS, BY_NAME, SESSION, TOKEN
from config.tests.matrix.asking import Asking
from config.tests.matrix.bodies import listed
from config.tests.matrix.checks import log_collected
from config.tests.matrix.patterns import all_patterns
from config.tests.matrix.undoing import committed, committed_changes, take_fingerprints

pytestmark = pytest.mark.django_db(databases=["default", "platform"])

PATTERNS = all_patterns()
EXPENSIVE = {"schema"}  # the same for everybody
SAMPLE = ("project", "document-detail")  # asked by session, too


def ways(pattern):
    """(actor, transport): the API by token and, as a sample, by session; the admin the reverse."""
    if pattern.viewset is None:
        yield from ((actor, SESSION) for actor in ACTORS)
        yield BY_NAME["owner"], TOKEN
    elif pattern.name in EXPENSIVE:
        yield from ((BY_NAME[name], TOKEN) for name in ("anonymous", "foreigner", "staff"))
    else:
        yield from ((actor, TOKEN) for actor in ACTORS)
        if pattern.name.startswith(SAMPLE):
            yield BY_NAME["owner"], SESSION
            yield BY_NAME["foreigner"], SESSION


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_nobody_sees_changes_or_guesses_what_is_not_theirs(world, pattern, record_property):
    faults, answered, count, began = [], set(), 0, process_time()
    before = committed()
    take_fingerprints(world)
    with log_collected() as log:
        for actor, transport in ways(pattern):
            asking = Asking(world, actor, transport, log)
            asking.ask_everything(pattern)
            faults += asking.faults
            answered |= asking.answered
            count += asking.count
    record_property("requests", count)
    record_property("seconds", process_time() - began)
    assert not committed_changes(before)
    expected = {
        method
        for method, entry in listed(pattern).items()
        if (entry.by != "nobody" or entry.staff) and method in pattern.declared
    }
    assert not expected - answered, "nobody was answered"
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:12])
