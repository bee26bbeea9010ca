"""The catalogue of schema changes; each is a migration of the ledger with the same name."""

ENGINES = ("plain", "zero-downtime", "ours")
SITUATIONS = ("alone", "open-transaction", "autovacuum")
CASES = (
    "add-column-null",
    "add-column-default",
    "add-column-db-default",
    "add-index",
    "not-null",
    "check",
    "foreign-key-new-column",
    "foreign-key-filled-column",
    "unique",
    "type-change",
    "rename-column",
    "drop-column",
    "data-change",
    "raw-sql",
)

# Milliseconds that a request may wait at most under our engine.
WORST = dict.fromkeys(CASES, 100) | {"type-change": 250}
# Multiples of plain Django's duration; none where it copies what plain Django locks and rewrites.
LONGEST = dict.fromkeys(CASES, 3.0) | {"type-change": None}


def migration_name(case: str) -> str:
    return case.replace("-", "_")
