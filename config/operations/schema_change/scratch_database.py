"""An empty, throw-away database that code written for Django reaches by an alias of its own.

What runs there with `using(alias)`, such as the RunPython of a migration, cannot touch the live database.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.db import connections

from config.databases import OWNER_ALIAS
from config.operations.scratch_cluster import scratch_cluster, settings_of


@contextlib.contextmanager
def scratch_database(*, folder: Path, major: int, alias: str = OWNER_ALIAS) -> Iterator[str]:
    """Start a throw-away cluster in `folder`, of which the caller holds the lock; yield the alias to it.

    Of `alias` only the settings are read: the search path is the same in both. The caller may open the
    connection in this thread only, and need not close it.
    """
    with scratch_cluster(folder=folder, major=major) as cluster:
        settings = settings_of(cluster=cluster, settings=connections[alias].settings_dict)
        with _registered(f"scratch_{cluster.folder.name}", settings) as scratch_alias:
            yield scratch_alias


@contextlib.contextmanager
def _registered(alias: str, settings: Mapping[str, Any]) -> Iterator[str]:
    # A dictionary of its own each time, because another thread may just be going through the one before.
    connections.settings = {**connections.settings, alias: dict(settings)}
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        connections.settings = {name: each for name, each in connections.settings.items() if name != alias}
