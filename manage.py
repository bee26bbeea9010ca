#!/usr/bin/env python
"""Starts Django with development settings unless told otherwise."""

import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    from config.command_line import run

    return run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
