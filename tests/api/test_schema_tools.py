"""The commands that keep clients' files: what `make schema` writes, and what `make check` refuses."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from graphql import build_schema

from cms.api.changes import breaking_changes
from cms.management.commands import export_schema

ROOT = Path(settings.BASE_DIR)
SCHEMA = (ROOT / "graphql/schema.graphql").read_text()


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """The command's files in a folder of the test's own, as they are in the project."""
    shutil.copytree(ROOT / "graphql", tmp_path / "graphql")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- Nothing yet.\n\n## 0.1\n")
    monkeypatch.setattr(export_schema, "FOLDER", tmp_path / "graphql")
    monkeypatch.setattr(export_schema, "RELEASED", tmp_path / "graphql/released/schema.graphql")
    monkeypatch.setattr(export_schema, "CHANGELOG", tmp_path / "CHANGELOG.md")
    call_command("export_schema", release=True)
    return tmp_path


def release_more(files: Path, old: str, new: str) -> None:
    """Let the last release have had something that today's schema has not."""
    path = files / "graphql/released/schema.graphql"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_breaking_change_is_refused_until_the_changelog_names_it(files):
    release_more(files, "type Session implements Node {", "type Session implements Node {\n  mood: String")
    changelog = files / "CHANGELOG.md"

    with pytest.raises(CommandError, match=r"`Session\.mood`: Session\.mood was removed\."):
        call_command("export_schema", check=True)

    changelog.write_text("## Unreleased\n\n- `Session.moods` is new.\n\n## 0.1\n\n- `Session.mood` is new.\n")
    with pytest.raises(CommandError, match=r"`Session\.mood`"):
        call_command("export_schema", check=True)

    changelog.write_text("## Unreleased\n\n- `Session.mood` is gone: nobody had one.\n\n## 0.1\n")
    call_command("export_schema", check=True)


def test_a_dangerous_change_is_told(files, capsys):
    release_more(files, '  """Comedy"""\n  COMEDY\n\n', "")

    call_command("export_schema", check=True)

    assert "COMEDY was added to enum type Genre." in capsys.readouterr().out


def test_a_release_keeps_the_schema_to_compare_with(files):
    assert (files / "graphql/released/schema.graphql").read_text() == (files / "graphql/schema.graphql").read_text()


@pytest.mark.parametrize("name", ["schema.graphql", "trusted-documents.json"])
def test_a_stale_file_is_refused(files, name):
    path = files / "graphql" / name
    path.write_text(path.read_text() + "\n")

    with pytest.raises(CommandError, match=f"graphql/{name} is stale: run `make schema`"):
        call_command("export_schema", check=True)


OLD = """
    directive @shown(to: String, at: String) repeatable on FIELD | QUERY
    directive @lost on FIELD
    interface Named { name: String }
    type Thing implements Named { name: String size: Int }
    type Other { name: String }
    union Any = Thing | Other
    enum Kind { GOOD POOR }
    input Filter { kind: Kind }
    type Lost { name: String }
    type Query { any: Any thing(id: ID, kind: Kind): Thing filtered(by: Filter): Named lost: Lost number: Float }
"""
NEW = """
    directive @shown(to: String, of: String!) on FIELD
    interface Named { name: String }
    type Thing { name: String }
    type Other { name: Int }
    union Any = Thing
    enum Kind { GOOD }
    input Filter { kind: Kind must: Int! }
    scalar Lost
    type Query { any: Any thing(id: String, of: ID!): Thing filtered(by: Filter): Other lost: Lost }
"""


def test_each_breaking_change_has_the_coordinate_of_what_breaks():
    changes = {change.coordinate for change in breaking_changes(OLD, NEW)}

    assert changes == {
        "@lost",
        "@shown",
        "@shown(at:)",
        "@shown(of:)",
        "Any",
        "Filter.must",
        "Float",
        "Kind.POOR",
        "Lost",
        "Other.name",
        "Query.filtered",
        "Query.number",
        "Query.thing(id:)",
        "Query.thing(kind:)",
        "Query.thing(of:)",
        "Thing",
        "Thing.size",
    }


def test_a_removed_type_is_its_name():
    assert [
        change.coordinate
        for change in breaking_changes("type Query { a: A } type A { b: Int }", "type Query { a: Int }")
    ] == [
        "A",
        "Query.a",
    ]


def run_tools(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """bin/schema-tools where there is no Node."""
    for name in ("sh", "sed", "dirname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    return subprocess.run(
        [ROOT / "bin/schema-tools", "check"],
        env={**os.environ, "REQUIRE_SERVICES": "", **environment, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_node_the_linters_are_left_out_in_one_line(tmp_path):
    result = run_tools(tmp_path)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Node 20 or newer was not found: the schema is not linted, and graphql/operations.ts is not looked at."
    ]


def test_without_node_is_a_failure_where_everything_is_required(tmp_path):
    assert run_tools(tmp_path, REQUIRE_SERVICES="1").returncode == 1


def test_the_last_release_is_a_valid_schema():
    assert build_schema((ROOT / "graphql/released/schema.graphql").read_text()).query_type
