"""`python -m bench` measures the served project and writes docs/bench.md; see docs/bench.md for what and how."""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from .load import Measured, Target, ask
from .operations import Operation, lists, operations
from .report import Report, write
from .servers import databases, seed, seeded, serving
from .shares import shares

SIZES = (500, 5_000)
SIDES = ("graphql", "plain")
ROUNDS = 5
# Requests of a round, for each operation, side and size.
REQUESTS = {"project": 80, "projects": 40, "session": 60, "send": 40}
LIST_REQUESTS = 24
WARM_UP = 8
# Seconds that runners get to finish what was said.
PATIENCE = 60


def measure(targets: dict[int, Target], report: Report) -> None:
    """Rounds of everything, both sizes and both sides in turn, so that a neighbour's load hits all alike."""
    for operation in operations():
        for size in SIZES:
            compare(targets[size], operation)
        for round_ in range(ROUNDS + 1):
            # The first round only warms up.
            count = REQUESTS[operation.name] if round_ else WARM_UP
            for size in SIZES:
                for side in SIDES:
                    into = report.measured[operation.name, side, size] if round_ else Measured()
                    ask(targets[size], operation, side, count, into)


def measure_lists(targets: dict[int, Target], report: Report) -> None:
    """Every list of the API, at both sizes."""
    for operation in lists():
        for round_ in range(ROUNDS + 1):
            for size in SIZES:
                into = report.measured[operation.name, "graphql", size] if round_ else Measured()
                ask(targets[size], operation, "graphql", LIST_REQUESTS if round_ else WARM_UP, into)


def compare(target: Target, operation: Operation) -> None:
    """The yardstick answers the same. Raises RuntimeError where it does not."""
    if operation.writes:
        return
    client = target.client()
    (request,) = target.requests(operation, "graphql", 1)
    plain = (operation.plain, {"variables": request[1]["variables"]})
    if client.post(*request)[0] != client.post(*plain)[0]:
        raise RuntimeError(f"{operation.plain} does not answer what the API answers to '{operation.title}'.")
    client.close()


def measure_runner(target: Target, size: int, report: Report) -> None:
    """Sending with the worker in the server's process: until the last reply is stored, so with what runners cost."""
    (operation,) = (operation for operation in operations() if operation.writes)
    client = target.client()
    for round_ in range(ROUNDS + 1):
        count = REQUESTS["send"] if round_ else WARM_UP
        into = report.measured["send+runner", "graphql", size] if round_ else Measured()
        before = client.cpu()
        ask(target, operation, "graphql", count, into)
        deadline = time.monotonic() + PATIENCE
        while client.waiting():
            if time.monotonic() > deadline:
                raise RuntimeError("The runners did not finish in time.")
            time.sleep(0.2)
        report.until_replied[size].append(1000 * (client.cpu() - before) / count)
    report.until_replied[size].pop(0)
    client.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL server to make databases on; else SQLite")
    parser.add_argument("--no-file", action="store_true", help="print the report and leave docs/bench.md as it is")
    options = parser.parse_args()
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auto-movie-bench-")))
        names = [str(size) for size in SIZES]
        urls = stack.enter_context(databases(names, options.database, folder))
        # A message a session: those of all rounds and sides, of the shares and of the runner's rounds.
        sessions = 3 * (ROUNDS * REQUESTS["send"] + WARM_UP) + 100
        filling = {size: seed(folder, urls[str(size)], size, sessions) for size in SIZES}
        made = {size: seeded(process) for size, process in filling.items()}
        print(f"Filled in {time.monotonic() - started:.0f} s.", flush=True)
        report = Report(options.database is not None, SIZES)

        def serve(size: int, name: str, **changes: str) -> Target:
            return stack.enter_context(serving(folder / f"{name}-{size}", urls[str(size)], made[size], **changes))

        with ExitStack() as runners:
            for size in SIZES:
                target = runners.enter_context(
                    serving(folder / f"runner-{size}", urls[str(size)], made[size], BENCH_WORKER="1")
                )
                measure_runner(target, size, report)
                made[size]["empty_sessions"] = target.unused()
        targets = {size: serve(size, "web") for size in SIZES}
        measure(targets, report)
        measure_lists(targets, report)
        for size in SIZES:
            made[size]["empty_sessions"] = targets[size].unused()
        timed = serve(SIZES[-1], "timers", BENCH_TIMERS="1")
        for operation in operations():
            report.shares[operation.name] = shares(timed, operation)
        report.seconds = time.monotonic() - started
    text = report.text()
    print(text)
    if not options.no_file:
        write(text)


if __name__ == "__main__":
    main()
