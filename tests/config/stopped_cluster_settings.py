"""Development settings whose private cluster is in the folder CLUSTER_FOLDER."""

import os
from pathlib import Path

from config.cluster import SCRATCH, Cluster
from config.databases import database, databases_by_role
from config.settings.development import *  # noqa: F403
from config.settings.development import environment

CLUSTER = Cluster(profile=SCRATCH, folder=Path(os.environ["CLUSTER_FOLDER"]))
DATABASES = databases_by_role(
    environment, database(environment, name="parish_budget", cluster=CLUSTER), cluster=CLUSTER
)
