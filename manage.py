#!/usr/bin/env python
"""Command line of the portal: `python manage.py help` lists the commands."""

import os
import sys

from clinic_crm.local import state


def main() -> None:
    """Run one command; when a server it needs does not answer, say what to do instead of showing a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic_crm.settings")
    if sys.argv[1:2] == ["up"]:
        state.choose_data_dir(sys.argv)
    from django.core.management import execute_from_command_line
    from django.db import OperationalError as DatabaseError
    from kombu.exceptions import OperationalError as BrokerError
    from redis.exceptions import ConnectionError as CacheError

    try:
        execute_from_command_line(sys.argv)
    except (DatabaseError, BrokerError, CacheError):
        directory = state.data_dir()
        advice = state.silent_server((state.database_url(directory), state.redis_url(directory)))
        if not advice:
            raise
        sys.exit(advice)


if __name__ == "__main__":
    main()
