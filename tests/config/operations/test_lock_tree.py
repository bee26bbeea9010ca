"""Shapes that real sessions do not take on demand; the usual ones are in test_activity.py."""

from config.operations.lock_tree import lock_tree
from tests.config.operations.sessions import shape, waiting


class TestLockTree:
    def test_hangs_what_waits_for_a_circle_under_it(self):
        tree = lock_tree(sessions=[waiting(5, 3), waiting(3, 4), waiting(4, 3)])

        assert shape(tree) == {3: {5: {}, 4: {}}}
        assert [node.in_circle for node in tree[0].waiters] == [False, True]

    def test_finds_a_circle_below_a_root(self):
        [root] = lock_tree(sessions=[waiting(1), waiting(2, 1, 3), waiting(3, 2)])

        assert shape([root]) == {1: {2: {3: {}}}}
        assert (root.in_circle, root.waiters[0].in_circle) == (False, True)

    def test_draws_whoever_waits_for_two_under_both_but_what_is_below_only_once(self):
        tree = lock_tree(sessions=[waiting(1), waiting(2), waiting(3, 1, 2), waiting(4, 3)])

        assert shape(tree) == {1: {3: {4: {}}}, 2: {3: {}}}
        assert [root.waiters[0].shown_before for root in tree] == [False, True]

    def test_keeps_a_blocker_that_is_in_no_list(self):
        [root] = lock_tree(sessions=[waiting(2, 1)])

        assert (root.pid, root.session) == (1, None)
