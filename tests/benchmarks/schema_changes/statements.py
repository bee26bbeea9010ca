"""What the clients of the load send: the statements of an application that knows nothing of the migration."""

import itertools
import random
import uuid

# Requests of each kind in ten.
MIXTURE = {b"insert": 5, b"update": 3, b"select": 2}

PREPARED = {
    b"insert": b"""
        INSERT INTO ledger_item (id, settlement_id, display_order, category, description, transacted_on,
                                 unit_price, quantity, amount, kind, person_number, serial, created_at)
        VALUES ($1, $2, 1, 'snacks', 'bought while the schema changes', current_date,
                1500, 2, 3000, 'EXPENSE', 7, $3, now())
    """,
    b"update": b"UPDATE ledger_item SET amount = amount + 1, transacted_on = current_date WHERE id = $1",
    b"select": b"SELECT amount, description, transacted_on FROM ledger_item WHERE id = $1",
}

# Keys that grow with time, as the application's UUIDv7 do, but can be told from a row's number.
_FIRST_KEY = uuid.UUID("00000000-0000-7000-8000-000000000000").int
KEY = "('00000000-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"
ITEMS_OF_SETTLEMENT = 20


def key(number: int) -> bytes:
    return str(uuid.UUID(int=_FIRST_KEY + number)).encode()


class Statements:
    """Statements on a table whose rows are numbered from one to `rows`; the same at each run."""

    def __init__(self, *, rows: int) -> None:
        self._rows = rows
        self._new = itertools.count(rows + 1)
        self._random = random.Random(rows)
        self._kinds = [kind for kind, number in MIXTURE.items() for _time in range(number)]

    def choose(self) -> tuple[bytes, list[bytes]]:
        """Return the name of a prepared statement and its values."""
        kind = self._random.choice(self._kinds)
        row = self._random.randint(1, self._rows)
        if kind != b"insert":
            return kind, [key(row)]
        number = next(self._new)
        return kind, [key(number), key(1 + row % (self._rows // ITEMS_OF_SETTLEMENT)), str(number).encode()]
