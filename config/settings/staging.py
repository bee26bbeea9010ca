"""The settings of staging, read from the process's variables and `.env.staging`."""

from config.env import Environment
from config.settings.base import *  # noqa: F403
from config.settings.deployed import deployed_settings

globals().update(deployed_settings(Environment("staging")))
