"""Write graphql/schema.graphql, or check that it is up to date."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cms.schema import schema
from cms.settings.env import BASE_DIR

PATH = BASE_DIR / "graphql" / "schema.graphql"


class Command(BaseCommand):
    """`make schema` writes the file that front-end developers build on; `--check` is for CI."""

    help = "Write graphql/schema.graphql, or check that it is up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Fail where the file is stale.")

    def handle(self, *args: Any, **options: Any) -> None:
        text = schema.as_str() + "\n"
        if not options["check"]:
            PATH.write_text(text)
            self.stdout.write(f"Wrote {PATH.relative_to(BASE_DIR)}.")
        elif not PATH.exists() or PATH.read_text() != text:
            raise CommandError("graphql/schema.graphql is stale: run `make schema` and commit it.")
