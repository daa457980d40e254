"""Rows of three trees, deleted and restored at random: nothing is lost, orphaned or miscounted."""

from random import Random

import pytest

from tenants import services
from tenants.context import acting_for
from tenants.deletion import RestoreConflict, delete, restore
from tenants.tests.trees import living, make_tree, orphans, wrong_counters


def play(acme, seed, steps):
    """Delete, restore, let in and take out at random; check what must hold after every step."""
    random = Random(seed)
    trees = [make_tree(acme, name=name) for name in "abc"]
    rows = [row for tree in trees for row in tree.values() if row is not acme]
    projects = [tree["tenants.Project"] for tree in trees]
    users = [tree["tenants.User"] for tree in trees]
    for tree in trees:  # so that what belongs to two rows belongs to rows of different trees
        agent = random.choice(trees)["agents.AgentConfig"]
        type(tree["agents.Conversation"]).all_objects.filter(
            pk=tree["agents.Conversation"].pk
        ).update(agent=agent, user=random.choice(users))
    for _ in range(steps):
        step = random.choice(["delete", "delete", "restore", "restore", "add", "remove"])
        if step == "delete":
            delete(random.choice(rows))
        elif step == "restore":
            try:
                restore(random.choice(rows))
            except RestoreConflict as conflict:
                assert "first" in str(conflict)
        else:
            project, user = random.choice(projects), random.choice(users)
            if living({"p": project, "u": user}) == {"p", "u"}:
                verb = services.add_member if step == "add" else services.remove_member
                verb(project=project, user=user)
        assert orphans() == []
        assert wrong_counters(acme.pk) == []
    return trees, rows


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(1, 12), *(pytest.param(seed, 80, marks=pytest.mark.long) for seed in range(2, 42))],
)
def test_whatever_the_order_nothing_is_lost_or_miscounted(acme, seed, steps):
    with acting_for(acme):
        trees, rows = play(acme, seed, steps)
        bring_all_back(rows)
        assert all(living(tree) == tree.keys() for tree in trees)
        assert wrong_counters(acme.pk) == []


def bring_all_back(rows):
    waiting = rows
    while waiting:
        left = [row for row in waiting if not comes_back(row)]
        assert len(left) < len(waiting), left
        waiting = left


def comes_back(row):
    try:
        restore(row)
    except RestoreConflict:
        return False
    return True
