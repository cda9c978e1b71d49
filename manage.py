#!/usr/bin/env python
"""Django's command-line entry."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line

    from apps.core.caller import acting_as, console

    with acting_as(console()):
        execute_from_command_line(sys.argv)
