"""ariadne-codegen's Python client over schema and operations, checked by mypy --strict.

Run by an interpreter that has both (`make .venv/.ariadne`). The last line of the output is the score, one operation a
point; what the tools say goes to stderr. The exit status is 1 where an operation has no method or mypy finds something.
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from graphql import OperationDefinitionNode, parse

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "graphql" / "operations"
CONFIG = """
[tool.ariadne-codegen]
schema_path = "{root}/graphql/schema.graphql"
queries_path = "{root}/graphql/operations"
target_package_path = "{output}"
target_package_name = "auto_movie"

[tool.ariadne-codegen.scalars.BigInt]
type = "int"

[tool.ariadne-codegen.scalars.DateTime]
type = "datetime.datetime"

[tool.ariadne-codegen.scalars.JSON]
type = "typing.Any"
"""

# What the package copies into every client, whatever the schema, is its own matter.
MYPY = """
[mypy]
strict = True

[mypy-auto_movie.async_base_client]
ignore_errors = True
"""


def main() -> int:
    """Generate, check, and print the score."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        (output / "config.toml").write_text(CONFIG.format(root=ROOT, output=output))
        (output / "mypy.ini").write_text(MYPY)
        _run(output, "ariadne-codegen", "--config", "config.toml")
        found = _run(output, "mypy", "--no-incremental", "auto_movie")
        methods = _methods(output / "auto_movie" / "client.py")
    operations = _operations()
    failed = [name for name in operations if _snake(name) not in methods]
    failed += [line for line in found.splitlines() if ": error:" in line]
    score = {
        "suite": "ariadne-codegen and mypy --strict",
        "version": version("ariadne-codegen"),
        "passed": max(0, len(operations) - len(failed)),
        "of": len(operations),
        "failed": failed,
    }
    sys.stdout.write(json.dumps(score) + "\n")
    return 1 if failed else 0


def _run(folder: Path, name: str, *arguments: str) -> str:
    """What a command of this interpreter's environment said in a folder."""
    command = [str(Path(sys.executable).parent / name), *arguments]
    result = subprocess.run(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    sys.stderr.write(result.stdout)
    return result.stdout


def _operations() -> list[str]:
    documents = [parse(path.read_text()) for path in sorted(OPERATIONS.glob("*.graphql"))]
    definitions = [definition for document in documents for definition in document.definitions]
    return [node.name.value for node in definitions if isinstance(node, OperationDefinitionNode) and node.name]


def _methods(path: Path) -> set[str]:
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module(body=[], type_ignores=[])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


if __name__ == "__main__":
    sys.exit(main())
