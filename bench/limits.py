"""`python -m bench.limits` measures what the checks before an operation cost, against running it, in the same run.

Everything is in this process and nothing in the database: `me` of somebody who is not there, which is the cheapest
operation, so the shares are the largest that the checks ever have.
"""

import os
import statistics
import time
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms.settings.test")
django.setup()

from django.test import RequestFactory  # noqa: E402

from cms.api import documents, limits  # noqa: E402
from cms.api.context import Context  # noqa: E402
from cms.api.cost import measure  # noqa: E402
from cms.api.trusted import manifest  # noqa: E402
from cms.rate_limits import spend  # noqa: E402
from cms.schema import schema  # noqa: E402

TIMES, ROUNDS = 300, 9


def microseconds(work: Callable[[], object]) -> float:
    """The median of rounds, of one call."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(TIMES):
            work()
        rounds.append((time.perf_counter() - begun) / TIMES * 1e6)
    return statistics.median(rounds)


def main() -> None:
    context = Context(user=None, request=RequestFactory().post("/graphql/"), request_id="bench")
    texts = {text.rpartition("query ")[2].partition("(")[0].partition(" ")[0]: text for text in manifest().values()}
    me, largest = texts["Me"], texts["ChatSession"]
    whole = microseconds(lambda: schema.execute_sync(me, context_value=context))
    known = documents.find(largest)
    operation = next(node for node in known.node.definitions if node.kind == "operation_definition")
    steps: dict[str, Callable[[], object]] = {
        "find a known document": lambda: documents.find(largest),
        "look its measure up": lambda: limits.check(known.measure(schema._schema, None, {})),
        "charge the caller": lambda: spend(10, limits.spenders(context)),
        "(once) measure the largest of our own": lambda: measure(schema._schema, known.node, operation, {}),  # type: ignore[arg-type]
    }
    print(f"{'an ordinary query, checks included':40} {whole:8.1f} µs")
    for name, work in steps.items():
        taken = microseconds(work)
        print(f"{name:40} {taken:8.1f} µs {100 * taken / whole:6.1f} %")


if __name__ == "__main__":
    main()
