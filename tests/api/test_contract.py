"""The schema against the contract, and the files that clients build on."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    find_breaking_changes,
    get_named_type,
    parse,
    validate,
)
from graphql.type import is_specified_directive, is_specified_scalar_type

from cms.schema import schema

ROOT = Path(settings.BASE_DIR)
COMMITTED = (ROOT / "graphql/schema.graphql").read_text()
CONTRACT = (Path(__file__).parent / "contract.graphql").read_text()
OURS = build_schema(COMMITTED)
DEFINES_OPERATION = re.compile(r"(query|mutation|subscription)\b")
OPERATION_FILES = sorted((ROOT / "graphql/operations").glob("*.graphql"))


def test_the_schema_breaks_nothing_of_the_contract():
    broken = [str(change.description) for change in find_breaking_changes(build_schema(CONTRACT), OURS)]

    assert broken == []


def test_the_committed_schema_is_what_the_code_prints():
    call_command("export_schema", check=True)


def _undescribed():
    for name, type_ in OURS.type_map.items():
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
    for directive in OURS.directives:
        if not is_specified_directive(directive) and not directive.description:
            yield f"@{directive.name}"
        if not is_specified_directive(directive):
            yield from (f"@{directive.name}({key}:)" for key, it in directive.args.items() if not it.description)


def test_everything_in_the_schema_has_a_description():
    assert list(_undescribed()) == []


def _with_fragments(path: Path) -> DocumentNode:
    text = path.read_text()
    fragments = ROOT / "graphql/operations/fragments.graphql"
    return parse(text if path == fragments else text + fragments.read_text())


@pytest.mark.parametrize("path", OPERATION_FILES, ids=lambda path: path.stem)
def test_the_operations_fit_the_schema(path):
    errors = [error.message for error in validate(OURS, _with_fragments(path))]

    # A file uses some of the shared fragments, and all files together use all of them.
    assert [message for message in errors if "is never used" not in message] == []


def test_all_operations_together_are_one_valid_document():
    everything = parse("\n".join(path.read_text() for path in OPERATION_FILES))

    assert validate(schema._schema, everything) == []


def _fields_used(text: str) -> set[str]:
    """The fields of Query, Mutation and Subscription that operations of a document use."""
    operations = [node for node in parse(text).definitions if isinstance(node, OperationDefinitionNode)]
    return {field.name.value for node in operations for field in node.selection_set.selections}


def test_every_field_of_the_doors_has_an_operation():
    # Where only trusted documents are run, a door without an operation is shut. The linter asks the same of all fields.
    used = _fields_used("\n".join(path.read_text() for path in OPERATION_FILES))

    unused = [f"{door.name}.{name}" for door in _doors() for name in door.fields if name not in used]

    assert unused == []


@pytest.mark.parametrize("path", OPERATION_FILES, ids=lambda path: path.stem)
def test_a_comment_above_each_operation_says_what_it_is_for(path):
    lines = path.read_text().splitlines()

    bare = [line for above, line in pairwise(["", *lines]) if DEFINES_OPERATION.match(line) and above[:2] != "# "]

    assert bare == []


def _doors() -> list[GraphQLObjectType]:
    return [OURS.query_type, OURS.mutation_type, OURS.subscription_type]


def test_a_mutation_takes_one_input_that_is_its_own():
    inputs = {name: list(field.args.items()) for name, field in OURS.mutation_type.fields.items()}

    assert {name: [key for key, _ in args] for name, args in inputs.items()} == {name: ["input"] for name in inputs}
    types = [get_named_type(argument.type).name for ((_, argument),) in inputs.values()]
    assert [name for name, count in Counter(types).items() if count > 1] == []


def _objects() -> list[GraphQLObjectType]:
    return [type_ for type_ in OURS.type_map.values() if isinstance(type_, GraphQLObjectType)]


def test_what_has_a_global_id_is_a_node():
    named = {type_.name for type_ in _objects() if "id" in type_.fields}
    nodes = {type_.name for type_ in OURS.get_possible_types(OURS.type_map["Node"])}

    # An offer's choice and an upload's ticket are values with a name of their own, which `node` does not find.
    assert named - nodes == {"Choice", "UploadTicket"}


def test_connections_are_those_of_relay():
    # https://relay.dev/graphql/connections.htm
    connections = [type_ for type_ in _objects() if type_.name.endswith("Connection")]

    shapes = {
        type_.name: (str(type_.fields["edges"].type), str(type_.fields["pageInfo"].type), set(type_.fields))
        for type_ in connections
    }
    assert shapes == {
        name: (f"[{name.removesuffix('Connection')}Edge!]!", "PageInfo!", {"edges", "pageInfo"}) for name in shapes
    }
    edges = [get_named_type(type_.fields["edges"].type) for type_ in connections]
    assert {str(edge.fields["cursor"].type) for edge in edges} == {"String!"}
    node = OURS.type_map["Node"]
    assert [edge.name for edge in edges if node not in get_named_type(edge.fields["node"].type).interfaces] == []


def test_what_answers_with_a_connection_is_paged_in_both_directions():
    fields = {f"{type_.name}.{name}": field for type_ in _objects() for name, field in type_.fields.items()}
    paged = {name: field for name, field in fields.items() if get_named_type(field.type).name.endswith("Connection")}
    expected = {"first": "Int", "after": "String", "last": "Int", "before": "String"}

    arguments = {
        name: {key: str(it.type) for key, it in field.args.items() if key in expected} for name, field in paged.items()
    }

    assert arguments == dict.fromkeys(paged, expected)


def _parts(built: GraphQLSchema) -> dict[str, Any]:
    """Everything that can be deprecated: fields, input fields, enum values and arguments, by coordinate."""
    parts = {}
    for type_ in built.type_map.values():
        for key, part in {**getattr(type_, "fields", {}), **getattr(type_, "values", {})}.items():
            parts[f"{type_.name}.{key}"] = part
            parts |= {f"{type_.name}.{key}({name}:)": it for name, it in getattr(part, "args", {}).items()}
    return parts


def _bad_deprecations(built: GraphQLSchema) -> list[str]:
    """What is deprecated without a reason that names, between backticks, the coordinate of what to use instead."""
    parts = _parts(built)
    reasons = {name: it.deprecation_reason for name, it in parts.items() if it.deprecation_reason is not None}
    return [name for name, reason in reasons.items() if not set(re.findall(r"`(.+?)`", reason)) & set(parts)]


def test_a_deprecation_names_what_to_use_instead():
    sample = """
        type Query {
          old: Int @deprecated
          older: Int @deprecated(reason: "Do not use.")
          oldest: Int @deprecated(reason: "Use `Query.gone`.")
          fine(was: Int @deprecated(reason: "Use `Query.now`."), bad: Int @deprecated(reason: "No.")): Int
          now: Int
          kind: Kind
        }
        enum Kind { GOOD POOR @deprecated(reason: "Bad.") WORN @deprecated(reason: "Use `Kind.GOOD`.") }
    """
    assert _bad_deprecations(build_schema(sample)) == [
        "Query.old",
        "Query.older",
        "Query.oldest",
        "Query.fine(bad:)",
        "Kind.POOR",
    ]

    assert _bad_deprecations(OURS) == []


def test_the_folder_graphql_holds_no_python():
    # A package of that name would stand before graphql-core, and Strawberry would not even import.
    assert [str(path) for path in (ROOT / "graphql").rglob("*") if path.suffix.startswith(".py")] == []
