"""The items of the checklist, and which of them are asked side by side."""

from django.utils.translation import gettext_lazy as _

from config.operations.schema_change.preflight import (
    history,
    live_schema,
    pending,
    room,
    server,
    sessions,
    surroundings,
)
from config.operations.schema_change.preflight.remarks import Item

ENVIRONMENT = Item(
    name="environment",
    title=_("environment"),
    number=201,
    ask=surroundings.check_environment,
    needs_database=False,
)
PACKAGES = Item(
    name="packages",
    title=_("packages"),
    number=202,
    ask=surroundings.check_packages,
    needs_database=False,
)
CONNECTION = Item(name="connection", title=_("connection"), number=203, ask=server.check_connection)
DATABASE = Item(name="database", title=_("database"), number=204, ask=server.check_database)
VERSION = Item(name="version", title=_("server"), number=205, ask=server.check_version)
CLOCK = Item(name="clock", title=_("clock"), number=206, ask=server.check_clock)
EXTENSIONS = Item(name="extensions", title=_("extensions"), number=207, ask=server.check_extensions)
PRIVILEGES = Item(name="privileges", title=_("privileges"), number=208, ask=server.check_privileges)
DISK = Item(name="disk", title=_("disk"), number=209, ask=room.check_disk)
BACKUP = Item(name="backup", title=_("backup"), number=210, ask=room.check_backup)
UNFINISHED = Item(name="unfinished", title=_("interruptions"), number=211, ask=pending.check_unfinished)
HISTORY = Item(name="history", title=_("history"), number=212, ask=history.check_history)
MODELS = Item(name="models", title=_("models"), number=213, ask=pending.check_models, needs_database=False)
DRIFT = Item(name="drift", title=_("live schema"), number=214, ask=live_schema.check_drift)
INDEXES = Item(name="indexes", title=_("indexes"), number=215, ask=live_schema.check_indexes)
CONSTRAINTS = Item(name="constraints", title=_("constraints"), number=216, ask=live_schema.check_constraints)
TRANSACTIONS = Item(name="transactions", title=_("transactions"), number=217, ask=sessions.check_transactions)
DUMPS = Item(name="dumps", title=_("dumps"), number=218, ask=sessions.check_dumps)
LINT = Item(name="lint", title=_("linter"), number=219, ask=pending.check_lint)
DJANGO = Item(
    name="django",
    title=_("Django's checks"),
    number=220,
    ask=surroundings.check_django,
    needs_database=False,
)

# The programs of the second run meanwhile, and the rest waits for the server in the first.
LANES = (
    (
        DATABASE,
        VERSION,
        CLOCK,
        EXTENSIONS,
        PRIVILEGES,
        DISK,
        BACKUP,
        INDEXES,
        CONSTRAINTS,
        TRANSACTIONS,
        DUMPS,
        HISTORY,
        LINT,
    ),
    (DRIFT,),
    (ENVIRONMENT, PACKAGES, MODELS, DJANGO),
)
