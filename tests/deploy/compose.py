"""docker-compose.yml as Compose reads it, and its commands as processes of this machine."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import yaml

from tests.live import PASSWORD, ROOT, LiveClient, ServicesServer, manage, own_database, runner_number

# ${NAME}, ${NAME:-default} and ${NAME:?message}
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
PROCESSES = ("web", "worker", "beat")
GIVEN = {"SECRET_KEY": "x7" * 25, "POSTGRES_PASSWORD": "secret", "HTTPS": "0"}


def compose() -> dict[str, Any]:
    """The file, its anchors resolved."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def interpolated(text: str, given: dict[str, str]) -> str:
    """A value with its variables put in. Raises KeyError for one that is required and not given."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match["name"], match["kind"], match["rest"]
        if given.get(name):
            return given[name]
        if kind == "-":
            return rest
        raise KeyError(name)

    return VARIABLE.sub(value, text)


def environment_of(service: str, given: dict[str, str]) -> dict[str, str]:
    """What a container of the service has in its environment."""
    return {
        name: interpolated(str(text), given) for name, text in compose()["services"][service]["environment"].items()
    }


def on_this_machine(env: dict[str, str], *, database: str, redis: str, media: Path) -> dict[str, str]:
    """The same environment with the containers' names replaced by the services that run here."""

    def here(url: str) -> str:
        parts = urlsplit(url)
        assert parts.hostname == "redis", url
        # Databases of Redis that no other test uses, so that no other test's worker takes our messages.
        number = 11 + 2 * runner_number() + int(parts.path.strip("/"))
        return urlunsplit(parts._replace(netloc=urlsplit(redis).netloc, path=f"/{number}"))

    assert urlsplit(env["DATABASE_URL"]).hostname == "postgres", env["DATABASE_URL"]
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "REHEARSAL_WORD_DELAY": "0",
        **env,
        "DATABASE_URL": database,
        "REDIS_URL": here(env["REDIS_URL"]),
        "CELERY_BROKER_URL": here(env["CELERY_BROKER_URL"]),
        "MEDIA_ROOT": str(media),
    }


class ComposeServer(ServicesServer):
    """web, worker and beat by the very commands that docker-compose.yml names, started one after the other."""

    def start_web(self) -> Self:
        """web by itself; it serves when this returns."""
        self.names: tuple[str, ...] = ("web",)
        return self.start()

    def start_others(self, *changes: str) -> None:
        """worker and beat beside it. `changes` are appended to the worker's command."""
        with self.log.open("ab") as log:
            for name in ("worker", "beat"):
                command = [*self._command(name), *(changes if name == "worker" else ())]
                self.processes.append(
                    subprocess.Popen(command, cwd=ROOT, env=self._named(name), stdout=log, stderr=log)
                )

    def commands(self) -> list[list[str]]:
        return [self._command(name) for name in self.names]

    def _named(self, name: str) -> dict[str, str]:
        # How PostgreSQL knows a process's connections.
        return self.env | {"PGAPPNAME": name}

    def _command(self, name: str) -> list[str]:
        program, *arguments = shlex.split(compose()["services"][name]["command"])
        programs = {"python": [sys.executable], "celery": [sys.executable, "-m", "celery"]}
        replaced = {
            "0.0.0.0": "127.0.0.1",
            "8000": str(self.port),
            "/tmp/celerybeat-schedule": str(self.folder / "beat"),
        }
        return [*programs[program], *(replaced.get(argument, argument) for argument in arguments)]


@contextmanager
def compose_server(folder: Path, **changes: str) -> Iterator[ComposeServer]:
    """web by itself on a migrated database of its own, with one admin, admin@example.com; the test starts the rest.

    `changes` are of the environment. Static files are those of the folder `static` in `folder`.
    """
    redis = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
    with own_database(f"auto_movie_compose_{os.getpid()}_{folder.name}") as database:
        env = on_this_machine(environment_of("web", GIVEN), database=database, redis=redis, media=folder / "media")
        env |= {
            "STATIC_ROOT": str(folder / "static"),
            "PGAPPNAME": "web",
            "RATE_LIMIT_TURNS": "100000/minute",
            **changes,
        }
        manage(env, *shlex.split(compose()["services"]["migrate"]["command"])[2:])
        admin = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "DJANGO_SUPERUSER_NAME": "Ada Admin"}
        manage(env | admin, "createsuperuser", "--noinput", "--email", "admin@example.com")
        server = ComposeServer(folder, env)
        try:
            yield server.start_web()
        finally:
            server.stop()


CREATE_PROJECT = (
    "mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id } errors { message } } }"
)
START_SESSION = (
    "mutation ($input: StartSessionInput!) { startSession(input: $input) { session { id } errors { message } } }"
)
SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { turn { id status } errors { message } } }"


def new_project(client: LiveClient) -> str:
    """Its id."""
    made = client.run(CREATE_PROJECT, input={"title": "The Tide Clock", "genre": "DRAMA"})
    return made["createProject"]["project"]["id"]


def new_session(client: LiveClient, project: str) -> str:
    """Its id."""
    return client.run(START_SESSION, input={"projectId": project})["startSession"]["session"]["id"]
