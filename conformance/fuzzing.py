"""schemathesis: generated operations against a served endpoint, none of which may meet a failure of ours.

API_URL is asked with the Bearer token API_TOKEN for FUZZ_SECONDS. The last line of the output is the score, one
operation sent a point. The interpreter is the one that has schemathesis, whose process loads this module too: for the
ids and for the check.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import strategies
from schemathesis.graphql import nodes

# Logging out would leave the rest of the run outside.
LEFT_OUT = ("Mutation.logout",)
SECONDS = os.environ.get("FUZZ_SECONDS", "120")
KNOWN = """{
  me { id activeProjects { id } } workflow { steps { id } } projects { edges { node { id } } }
  sessions { edges { node { id messages { edges { node { id choices { id } } } } } } }
}"""

# Half of the ids are of things that are there: others are refused before anything is done.
if known := json.loads(os.environ.get("API_IDS", "[]")):
    schemathesis.graphql.scalar("ID", (strategies.sampled_from(known) | strategies.text()).map(nodes.String))


@schemathesis.check
def no_failure_of_ours(ctx: Any, response: Any, case: Any) -> None:
    """Neither a status of 500 and above, nor an error of the code INTERNAL in an answer."""
    assert response.status_code < 500, f"status {response.status_code}"
    assert '"code":"INTERNAL"' not in response.text, "an internal error"


def main() -> int:
    """Run schemathesis and print the score."""
    url, header = os.environ["API_URL"], f"Bearer {os.environ['API_TOKEN']}"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            url,
            "--header",
            f"Authorization: {header}",
        ]
        command += ["--checks", no_failure_of_ours.__name__, "--max-time", SECONDS, "--workers", "2", "--mode", "all"]
        command += ["--continue-on-failure", "--warnings", "off"]
        command += ["--report", "json", "--report-json-path", str(report)]
        for name in LEFT_OUT:
            command += ["--exclude-name", name]
        env = os.environ | {
            "SCHEMATHESIS_HOOKS": Path(__file__).stem,
            "PYTHONPATH": str(Path(__file__).parent),
            "API_IDS": json.dumps(_ids(url, header)),
        }
        # What it tells people is no score.
        subprocess.run(command, cwd=folder, env=env, stdout=sys.stderr, check=False)
        found = json.loads(report.read_text())
    sent, failing = found["test_cases"]["generated"], found["test_cases"]["with_failures"]
    failed = [f"{failure['title']}: {', '.join(failure['operations'])}" for failure in found["failures"]]
    failed += [str(error) for error in found["errors"]]
    tested, offered = found["operations"]["tested"], found["operations"]["total"]
    score = {
        "suite": "schemathesis",
        "version": version("schemathesis"),
        "passed": sent - failing,
        "of": sent,
        "failed": failed,
        "note": f"{tested} of {offered} root fields, {found['running_time']:.0f} s, seed {found['seed']}",
    }
    print(json.dumps(score))
    return 0 if sent and not failed else 1


def _ids(url: str, authorization: str) -> list[str]:
    """Ids of what the caller may see."""
    answer = requests.post(url, json={"query": KNOWN}, headers={"Authorization": authorization}, timeout=30).json()
    return sorted(_found(answer["data"]))


def _found(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_found, value))
    if isinstance(value, dict):
        return set().union(*(({inner} if name == "id" else _found(inner)) for name, inner in value.items()))
    return set()


if __name__ == "__main__":
    sys.exit(main())
