"""The schema against the contract, and the files that clients build on."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    find_breaking_changes,
    parse,
    validate,
)
from graphql.type import is_specified_directive, is_specified_scalar_type

from cms.schema import schema

ROOT = Path(settings.BASE_DIR)
COMMITTED = (ROOT / "graphql/schema.graphql").read_text()
CONTRACT = (Path(__file__).parent / "contract.graphql").read_text()
OPERATION_FILES = sorted((ROOT / "graphql/operations").glob("*.graphql"))


def test_the_schema_breaks_nothing_of_the_contract():
    contract, ours = build_schema(CONTRACT), build_schema(COMMITTED)

    broken = [str(change.description) for change in find_breaking_changes(contract, ours)]

    assert broken == []


def test_the_committed_schema_is_what_the_code_prints():
    call_command("export_schema", check=True)


def _undescribed():
    built = build_schema(COMMITTED)
    for name, type_ in built.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(type_):
            continue
        if not type_.description:
            yield name
        if isinstance(type_, GraphQLEnumType):
            yield from (f"{name}.{key}" for key, value in type_.values.items() if not value.description)
        if isinstance(type_, GraphQLInputObjectType):
            yield from (f"{name}.{key}" for key, field in type_.fields.items() if not field.description)
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for key, field in type_.fields.items():
                if not field.description:
                    yield f"{name}.{key}"
                yield from (f"{name}.{key}({argument})" for argument, it in field.args.items() if not it.description)
    for directive in built.directives:
        if not is_specified_directive(directive) and not directive.description:
            yield f"@{directive.name}"


def test_everything_in_the_schema_has_a_description():
    assert list(_undescribed()) == []


def _with_fragments(path: Path) -> DocumentNode:
    text = path.read_text()
    fragments = ROOT / "graphql/operations/fragments.graphql"
    return parse(text if path == fragments else text + fragments.read_text())


@pytest.mark.parametrize("path", OPERATION_FILES, ids=lambda path: path.stem)
def test_the_operations_fit_the_schema(path):
    built = build_schema(COMMITTED)

    errors = [error.message for error in validate(built, _with_fragments(path))]

    # A file uses some of the shared fragments, and all files together use all of them.
    assert [message for message in errors if "is never used" not in message] == []


def test_all_operations_together_are_one_valid_document():
    everything = parse("\n".join(path.read_text() for path in OPERATION_FILES))

    assert validate(schema._schema, everything) == []


def test_every_field_of_the_doors_has_an_operation():
    # The chat page and the tests run these: a door without one is a door that nobody tries.
    text = "\n".join(path.read_text() for path in OPERATION_FILES)
    built = build_schema(CONTRACT)
    doors = [built.query_type, built.mutation_type, built.subscription_type]

    unused = [name for door in doors for name in door.fields if f"{name}(" not in text and f"{name} {{" not in text]

    assert unused == []


def test_the_folder_graphql_holds_no_python():
    # A package of that name would stand before graphql-core, and Strawberry would not even import.
    assert [str(path) for path in (ROOT / "graphql").rglob("*") if path.suffix.startswith(".py")] == []
