"""The settings of production, read from the process's variables and `.env.production`."""

from config.env import Environment
from config.settings.base import *  # noqa: F403
from config.settings.deployed import deployed_settings

globals().update(deployed_settings(Environment("production")))
