"""Production settings: what Django's own checks say, and static files with and without a built front end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT

SECRET = "r4Nd0m" * 10
# The page whose scripts come from the front end's build.
PAGE = """
import django
django.setup()
from django.template.loader import render_to_string
print(render_to_string("graphql/graphiql.html"))
"""
SCRIPT = "graphiql/graphiql.js"


def production(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """A management command, or Python itself with `-c`, under production settings."""
    env = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "cms.settings.production",
        "SECRET_KEY": SECRET,
        "DATABASE_URL": "sqlite:////nonexistent/never-opened.sqlite3",
        **changes,
    }
    command = arguments if arguments[0] == "-c" else ("manage.py", *arguments)
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=False, capture_output=True, text=True)


def test_django_finds_nothing_to_warn_of() -> None:
    done = production("check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("secret", ["", "short", "please-change-me-before-this-goes-to-production-ever"])
def test_a_weak_secret_is_refused(secret: str) -> None:
    done = production("check", SECRET_KEY=secret)
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr


@pytest.mark.parametrize("settings", ["cms.settings.production", "tests.deploy.without_frontend"])
def test_static_files_are_collected_by_their_contents_names(settings: str, tmp_path: Path) -> None:
    done = production("collectstatic", "--noinput", STATIC_ROOT=str(tmp_path), DJANGO_SETTINGS_MODULE=settings)
    assert done.returncode == 0, done.stderr
    paths = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    built = (ROOT / "frontend" / "dist" / SCRIPT).exists() and "without" not in settings
    assert (SCRIPT in paths) is built
    assert paths["app.css"] != "app.css"
    # The page itself is served in either case.
    page = production("-c", PAGE, STATIC_ROOT=str(tmp_path), DJANGO_SETTINGS_MODULE=settings)
    assert page.returncode == 0, page.stderr
    assert f'src="/static/{paths.get(SCRIPT, SCRIPT)}"' in page.stdout
