"""`python -m bench.histories` fills the environment's database with conversations and measures turns in them; prints
JSON.
"""

import json
import os
import time
from collections import defaultdict
from statistics import median
from typing import Any

import django

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = 15
INPUT_TOKENS = 16_000


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    from django.db import connection

    cases = {size: Case(size) for size in SIZES}
    with connection.cursor() as cursor:
        # As autovacuum would have done on a database that had grown over time.
        cursor.execute("ANALYZE")
    # A neighbour's load meets all lengths alike. The first round only warms up.
    for number in range(ROUNDS + 1):
        for case in cases.values():
            case.measure(keep=number > 0)
    results = {
        str(size): {name: median(values) for name, values in case.measured.items()} for size, case in cases.items()
    }
    print(json.dumps({"database": _version(connection), "results": results}))


class Case:
    """A session of so many messages, and one more that waits for its answer."""

    def __init__(self, size: int) -> None:
        from content.projects.services import create_project
        from conversation import sessions, summaries
        from conversation.models import Choice, Message, Turn
        from conversation.scene import director_model
        from tests.conversation.histories import long_history

        user = _person()
        project = create_project(user=user, title=f"A series of {size}", genre="drama")
        session = sessions.start_session(user=user, project_id=project.pk)
        choice = Choice.objects.filter(session=session)[0]
        long_history(session, size, choice=choice)
        *_, message = long_history(session, 1)
        self.turn = Turn.objects.create(session=session, message=message, requested_by=user)
        self.measured: dict[str, list[float]] = defaultdict(list)
        model, told = director_model(), -1
        while told != (told := Message.objects.filter(session=session, summary__isnull=False).count()):
            summaries.extend(self.turn.pk, model)

    @property
    def medians(self) -> dict[str, float]:
        """Of all rounds, by what was measured."""
        return {name: median(values) for name, values in self.measured.items()}

    def measure(self, *, keep: bool) -> None:
        """What is done before the model is asked, once."""
        from django.db import connection
        from django.db.models.signals import post_init

        from ai.director import build_prompt
        from ai.tokens import prompt_tokens
        from content.media.model_files import Reader
        from conversation.scene import build_scene

        rows, queries, passed = 0, 0, 0.0

        def note_row(**_: Any) -> None:
            nonlocal rows
            rows += 1

        def note_query(execute: Any, *arguments: Any) -> Any:
            nonlocal queries, passed
            queries, began = queries + 1, time.perf_counter()
            try:
                return execute(*arguments)
            finally:
                passed += time.perf_counter() - began

        post_init.connect(note_row)
        with connection.execute_wrapper(note_query):
            began = time.process_time()
            scene = build_scene(self.turn, Reader())
            built = time.process_time()
        post_init.disconnect(note_row)
        prompt = build_prompt(scene, token_budget=INPUT_TOKENS, max_tokens=2_048)
        ended = time.process_time()
        costs = {
            "queries": queries,
            "rows": rows,
            "scene_ms": 1_000 * (built - began),
            "prompt_ms": 1_000 * (ended - built),
            "database_ms": 1_000 * passed,
            "tokens": prompt_tokens(prompt.messages, prompt.tool),
        }
        for name, value in costs.items() if keep else ():
            self.measured[name].append(value)


def _person() -> Any:
    from cms.accounts.choices import SubscriptionTier, UserRole
    from cms.accounts.models import User
    from cms.accounts.services import save_with_role

    known = User.objects.filter(email="history@example.com").first()
    return known or save_with_role(
        User(email="history@example.com", name="History", role=UserRole.PRODUCER, tier=SubscriptionTier.ENTERPRISE)
    )


def _version(connection: Any) -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {'.'.join(map(str, connection.get_database_version()))}"
    return f"PostgreSQL {connection.pg_version // 10_000}"


if __name__ == "__main__":
    main()
