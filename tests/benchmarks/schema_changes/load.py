"""Clients that write at a fixed rate, in a process of their own.

A request is due at its moment even when every client still waits for the server, and its waiting time counts
from then. One thread serves all clients through libpq's asynchronous calls, so that Python is not what the
requests wait for; how late it was is measured all the same.
"""

import gc
import multiprocessing
import os
import selectors
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import psycopg
from psycopg import pq

from tests.benchmarks.schema_changes.statements import PREPARED, Statements
from tests.benchmarks.schema_changes.waits import Request

_SPAWN = multiprocessing.get_context("spawn")
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


@dataclass(frozen=True)
class Offer:
    """How many clients there are, and how many requests a second are due, of a table with so many rows."""

    clients: int
    rate: float
    rows: int


class Client:
    """A connection with one request under way at most."""

    def __init__(self, server: Mapping[str, str]) -> None:
        self._connection = psycopg.connect(**server, autocommit=True)
        self._libpq = self._connection.pgconn
        for name, statement in PREPARED.items():
            self._libpq.prepare(name, statement)
        self._libpq.nonblocking = 1
        self.due = self.noticed = 0.0

    def fileno(self) -> int:
        return self._libpq.socket

    def send(self, due: float, noticed: float, name: bytes, values: list[bytes]) -> None:
        self.due, self.noticed = due, noticed
        self._libpq.send_query_prepared(name, values)
        self._libpq.flush()

    def answer(self) -> Request | None:
        """Return the request that was under way when its answer has come in whole."""
        self._libpq.consume_input()
        if self._libpq.is_busy():
            return None
        sqlstate = b""
        while result := self._libpq.get_result():
            if result.status in _FAILED:
                sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE) or b"?????"
        return Request(self.due, self.noticed, time.monotonic(), sqlstate.decode())


class Load:
    """The clients, and what is due."""

    def __init__(self, server: Mapping[str, str], offer: Offer) -> None:
        self._idle = deque(Client(server) for _number in range(offer.clients))
        self._clients = offer.clients
        self._interval = 1 / offer.rate
        self._statements = Statements(rows=offer.rows)
        self._due: deque[tuple[float, float]] = deque()
        self._selector = selectors.DefaultSelector()
        for client in self._idle:
            self._selector.register(client, selectors.EVENT_READ)
        self.requests: list[Request] = []

    def serve(self, stop: Connection) -> None:
        """Offer requests until there is something to read from `stop`; then serve those that were due."""
        self._selector.register(stop, selectors.EVENT_READ)
        next_due, offering = time.monotonic(), True
        while offering or self._due or len(self._idle) < self._clients:
            now = time.monotonic()
            while offering and next_due <= now:
                self._due.append((next_due, now))
                next_due += self._interval
            self._send()
            timeout = max(0.0, next_due - time.monotonic()) if offering else None
            for key, _events in self._selector.select(timeout):
                if key.fileobj is stop:
                    self._selector.unregister(stop)
                    offering = False
                else:
                    self._receive(key.fileobj)

    def _send(self) -> None:
        while self._due and self._idle:
            self._idle.popleft().send(*self._due.popleft(), *self._statements.choose())

    def _receive(self, client: Client) -> None:
        if request := client.answer():
            self.requests.append(request)
            self._idle.append(client)


class Running:
    """A load that is on."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def stop(self) -> list[Request]:
        """Wait until everything that was due has been answered."""
        self._pipe.send("stop")
        return self._pipe.recv()


@contextmanager
def loading(server: Mapping[str, str], offer: Offer) -> Iterator[Running]:
    """Start the load, and yield when its clients are connected."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work, args=(theirs, dict(server), offer), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield Running(ours)
    finally:
        process.kill()
        process.join()


def _work(pipe: Connection, server: Mapping[str, str], offer: Offer) -> None:
    with suppress(PermissionError):  # It stands for clients that have processors of their own.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    load = Load(server, offer)
    gc.freeze()
    gc.disable()
    pipe.send("connected")
    load.serve(pipe)
    pipe.send(load.requests)
