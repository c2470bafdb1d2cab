"""Write what front-end developers build on into graphql/, or check that it is up to date and breaks nobody."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cms.api.changes import breaking_changes, dangerous_changes, unnamed
from cms.api.manifest import build_manifest
from cms.schema import schema
from cms.settings.env import BASE_DIR

FOLDER = BASE_DIR / "graphql"
RELEASED = FOLDER / "released" / "schema.graphql"
CHANGELOG = BASE_DIR / "CHANGELOG.md"


class Command(BaseCommand):
    """`make schema` writes the schema and the manifest of trusted documents.

    `--check` is for CI: it fails where a file is stale, and where the schema breaks clients of the last release and
    CHANGELOG.md does not name what breaks. `--release` keeps today's schema as that of the last release.
    """

    help = (
        "Write graphql/schema.graphql and graphql/trusted-documents.json, or check them and the last release's schema."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument("--check", action="store_true", help="Fail where a file is stale or clients would break.")
        modes.add_argument("--release", action="store_true", help="Keep the schema as the last release's, too.")

    def handle(self, *args: Any, **options: Any) -> None:
        text = schema.as_str() + "\n"
        manifest = json.dumps(build_manifest(FOLDER / "operations"), indent=2) + "\n"
        files = {FOLDER / "schema.graphql": text, FOLDER / "trusted-documents.json": manifest}
        if options["release"]:
            files[RELEASED] = text
        for path, content in files.items():
            if not options["check"]:
                path.parent.mkdir(exist_ok=True)
                path.write_text(content)
                self.stdout.write(f"Wrote graphql/{path.relative_to(FOLDER)}.")
            elif not path.exists() or path.read_text() != content:
                raise CommandError(f"graphql/{path.relative_to(FOLDER)} is stale: run `make schema` and commit it.")
        if options["check"]:
            self._compare(text)

    def _compare(self, text: str) -> None:
        """Refuse a breaking change that the changelog does not name; tell of dangerous ones."""
        released = RELEASED.read_text()
        for description in dangerous_changes(released, text):
            self.stdout.write(f"Since the last release, clients may be surprised: {description}")
        broken = unnamed(breaking_changes(released, text), CHANGELOG.read_text())
        if broken:
            lines = "\n".join(f"- `{change.coordinate}`: {change.description}" for change in broken)
            raise CommandError(
                "The schema breaks clients of the last release. Deprecate instead, or name each of these in the "
                f"section Unreleased of CHANGELOG.md:\n{lines}"
            )
