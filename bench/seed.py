"""`python -m bench.seed PROJECTS SESSIONS` fills the database, and prints what a client asks with as JSON."""

import json
import os
import sys

import django


def main() -> None:
    """SESSIONS are empty ones to speak in, beside those that the projects have."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    # Models can be imported from here on.
    from django.db import connection

    from .rows import Seed

    made = Seed(int(sys.argv[1]), int(sys.argv[2])).write()
    with connection.cursor() as cursor:
        # As autovacuum would have done on a database that had grown over time.
        cursor.execute("ANALYZE")
    print(json.dumps(made))


if __name__ == "__main__":
    main()
