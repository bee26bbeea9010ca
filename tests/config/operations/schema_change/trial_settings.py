"""The settings of a process that knows the app trial, and takes itself for the environment it is told."""

import os
import sys
from pathlib import Path

from config.settings.test import *  # noqa: F403
from config.settings.test import INSTALLED_APPS

_folder = Path(os.environ["TRIAL_FOLDER"])
sys.path.insert(0, str(_folder))

INSTALLED_APPS = [*INSTALLED_APPS, "trial"]
ENVIRONMENT = os.environ["TRIAL_ENVIRONMENT"]
BACKUP_DIR = _folder / "backups"
MEDIA_ROOT = _folder / "media"
LANGUAGE_CODE = "en"
