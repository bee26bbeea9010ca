"""Who has to end before who can go on: the sessions that wait for locks, under those they wait for."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config.operations.activity import Session


@dataclass(frozen=True, kw_only=True)
class LockNode:
    """A blocker or a waiter, with those that wait for it.

    `session` is None for a prepared transaction (pid 0), for a session of another database and for one
    that has just ended. `in_circle` tells a deadlock: the session waits, through others, for itself.
    `shown_before` stands for a waiter of several, whose own waiters are at its first place.
    """

    pid: int
    session: Session | None
    waiters: tuple["LockNode", ...]
    in_circle: bool
    shown_before: bool


def lock_tree(*, sessions: Iterable[Session]) -> tuple[LockNode, ...]:
    """Return the trees of blockers, each waiter as near to a root as it can be.

    Ten sessions that queue for one lock wait for each other as well; what matters is that all ten wait for
    its holder. A circle has no root, so one of its sessions serves as one.
    """
    known = {session.pid: session for session in sessions}
    blockers = {pid: session.blocked_by for pid, session in known.items() if session.blocked_by}
    waiters = _waiters(blockers)
    depths = _depths(blockers, waiters)
    drawn: set[int] = set()

    def node(pid: int) -> LockNode:
        shown_before = pid in drawn
        drawn.add(pid)
        below = [] if shown_before else [w for w in waiters.get(pid, []) if depths[w] == depths[pid] + 1]
        return LockNode(
            pid=pid,
            session=known.get(pid),
            waiters=tuple(map(node, below)),
            in_circle=_waits_for_itself(pid, blockers),
            shown_before=shown_before,
        )

    return tuple(node(pid) for pid, depth in depths.items() if depth == 0)


def _waiters(blockers: Mapping[int, tuple[int, ...]]) -> Mapping[int, list[int]]:
    waiters: dict[int, list[int]] = defaultdict(list)
    for waiter, pids in blockers.items():
        for pid in pids:
            waiters[pid].append(waiter)
    return waiters


def _depths(blockers: Mapping[int, tuple[int, ...]], waiters: Mapping[int, list[int]]) -> dict[int, int]:
    """Return how many waits lie between each session and its nearest root."""
    depths: dict[int, int] = {}
    _spread([pid for pid in waiters if pid not in blockers], waiters, depths)
    for pid in blockers:
        # Whoever no root leads to waits for a circle, or is part of one.
        if pid not in depths and _waits_for_itself(pid, blockers):
            _spread([pid], waiters, depths)
    return depths


def _spread(roots: list[int], waiters: Mapping[int, list[int]], depths: dict[int, int]) -> None:
    """Put into `depths` what is reached from `roots`, breadth first."""
    depths.update(dict.fromkeys(roots, 0))
    reached = deque(roots)
    while reached:
        pid = reached.popleft()
        for waiter in waiters.get(pid, []):
            if waiter not in depths:
                depths[waiter] = depths[pid] + 1
                reached.append(waiter)


def _waits_for_itself(pid: int, blockers: Mapping[int, tuple[int, ...]]) -> bool:
    seen: set[int] = set()
    ahead = list(blockers.get(pid, ()))
    while ahead:
        blocker = ahead.pop()
        if blocker == pid:
            return True
        if blocker not in seen:
            seen.add(blocker)
            ahead.extend(blockers.get(blocker, ()))
    return False
