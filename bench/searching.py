"""`python -m bench.searching` fills the environment's database and measures searches in it; prints JSON."""

import itertools
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import django

SIZES = (1_000, 10_000, 100_000)
ROUNDS = 12
COLD_ROUNDS = 3
SERVICE = "jina-embeddings-v4:1024"
FIND = """query($project: ID!, $text: String, $like: ID) {
  findMedia(projectId: $project, text: $text, similarTo: $like, limit: 20) { score media { id title tags } } }"""
# Ranks of words by how common they are.
QUERIES = {
    "two words that few media have": ((300, 900), (400, 1_300), (500, 1_900)),
    "three of the fifty commonest words": ((20, 30, 40), (25, 35, 45), (22, 33, 44)),
    "the three commonest words": ((0, 1, 2),),
}
TEXTS = (
    "a woman waits on the roof at night",
    "fishing boats in the fog",
    "slow piano for the funeral",
    "the robbery of the museum",
    "a burning house in the forest",
    "submarine under the ice",
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    # Models can be imported from here on.
    import numpy as np
    from django.db import connection

    from content.media import embedding

    from .search_rows import Words, add_vectors, make_project

    words, local = Words(seed=7), embedding.model()
    wanted = np.stack([local.embed_query(text) for text in TEXTS])
    # Of a service only the length of its vectors is measured.
    service_wanted = np.random.default_rng(3).standard_normal((len(TEXTS), 1_024)).astype(np.float32)
    service_wanted /= np.linalg.norm(service_wanted, axis=1, keepdims=True)
    cases = []
    for size in SIZES:
        user, project, keys = make_project(size, local.name, wanted, words)
        add_vectors(project, keys, SERVICE, service_wanted, words.random, part="picture")
        cases.append(Case(user, project, words, {local.name: wanted, SERVICE: service_wanted}))
    with connection.cursor() as cursor:
        # As autovacuum would have done on a database that had grown over time.
        cursor.execute("ANALYZE")
    # A neighbour's load meets all sizes alike.
    for _, case in itertools.product(range(ROUNDS), cases):
        case.round()
    results = {str(size): case.measured for size, case in zip(SIZES, cases, strict=True)}
    print(json.dumps({"database": _version(connection), "results": results}))


class Case:
    """A project, somebody who searches in it, and how many milliseconds each thing took."""

    def __init__(self, user: Any, project: Any, words: Any, wanted: dict[str, Any]) -> None:
        from django.test import Client

        from cms.api.ids import global_id
        from content.media import embedding
        from content.media.models import Media

        self.project, self.words, self.wanted = project, words, wanted
        self.model = embedding.model()
        self.project_gid = global_id("Project", project.pk)
        self.like = global_id("Media", Media.objects.filter(project=project).order_by("pk")[0].pk)
        self.client = Client(headers={"host": "localhost"})
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        # The time that passed, and the CPU time of this process.
        self.measured: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.rounds = 0

    def round(self) -> None:
        """Everything once."""
        number = self.rounds
        for name, short in ((SERVICE, "1,024 numbers"), (self.model.name, "384 numbers")):
            self._scans(name, short, number)
        for title, ranks in QUERIES.items():
            self._words(f"words: {title}", self.words.query(*ranks[number % len(ranks)]))
        self._words("words: the first two letters of one", self.words.query(60)[:2])
        text = f"{TEXTS[number % len(TEXTS)]} {self.words.query(300 + number)}"
        self._note("a query's vector", lambda: self.model.embed_query(text))
        if not number:
            # Connections, caches of statements and code.
            self._ask(text="first " + text)
        self._note("findMedia: a new text", lambda: self._ask(text=text))
        self._note("findMedia: the same text again", lambda: self._ask(text=text))
        self._note("findMedia: likeness", lambda: self._ask(like=self.like))
        self.rounds += 1

    def _scans(self, name: str, short: str, number: int) -> None:
        from content.media import search, vectors

        wanted = self.wanted[name][number % len(TEXTS)][None]

        def scan() -> None:
            vectors.nearest(
                project_id=self.project.pk,
                model=name,
                vectors=wanted,
                above=self.model.asked.unrelated,
                most=search.MOST_ALIKE,
            )

        # Each round begins with an empty process, which also keeps three projects from driving each other out.
        vectors.forget()
        if number < COLD_ROUNDS:
            self._note(f"vectors of {short}, a process's first search", scan)
        else:
            scan()
        self._note(f"vectors of {short}", scan)

    def _words(self, title: str, text: str) -> None:
        from content.media import fulltext
        from content.media.lexemes import sought_words

        sought = sought_words(text, most=12, last_is_begun=not text.endswith(" "))
        self._note(title, lambda: fulltext.find(self.project.pk, sought))

    def _note(self, title: str, do: Callable[[], object]) -> None:
        began, cpu = time.perf_counter(), time.process_time()
        do()
        self.measured[title].append((1_000 * (time.perf_counter() - began), 1_000 * (time.process_time() - cpu)))

    def _ask(self, **variables: Any) -> None:
        body = {"query": FIND, "variables": {"project": self.project_gid, **variables}}
        answer = self.client.post("/graphql/", body, content_type="application/json").json()
        if "errors" in answer or not answer["data"]["findMedia"]:
            raise RuntimeError(f"Nothing was found: {answer}")


def _version(connection: Any) -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {'.'.join(map(str, connection.get_database_version()))}"
    return f"PostgreSQL {connection.pg_version // 10_000}"


if __name__ == "__main__":
    main()
