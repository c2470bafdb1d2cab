"""The editors' door to the workflow."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from wagtail.test.utils.form_data import querydict_from_html

from cms.accounts.models import User
from content.workflow.models import WorkflowStep


def step(slug: str) -> WorkflowStep:
    """The row as it is stored now."""
    return WorkflowStep.objects.get(slug=slug)


def snippet_url(name: str, *args: Any) -> str:
    return reverse(f"wagtailsnippets_workflow_workflowstep:{name}", args=args)


class Editing:
    """The form of one step, or of a new one, as the editor's browser holds it."""

    def __init__(self, client: Client, slug: str | None) -> None:
        self.client = client
        self.url = snippet_url("edit", step(slug).pk) if slug else snippet_url("add")
        page = client.get(self.url)
        assert page.status_code == 200
        self.data = querydict_from_html(page.content.decode(), form_id="w-editor-form")
        for name, value in self.data.items():
            # What Wagtail's reader of forms gets wrong: a ticked box without a value is "on".
            if value == "" and name.endswith(("required", "is_recommended", "finishes")):
                self.data[name] = "on"

    def row(self, relation: str, field: str, value: Any) -> str:
        """The prefix of the inline row whose field has that value."""
        return next(
            name.removesuffix(f"-{field}")
            for name, held in self.data.items()
            if name.startswith(f"{relation}-") and name.endswith(f"-{field}") and held == str(value)
        )

    def add(self, relation: str, **fields: Any) -> None:
        """Add an inline row."""
        count = int(self.data[f"{relation}-TOTAL_FORMS"])
        self.data[f"{relation}-TOTAL_FORMS"] = str(count + 1)
        for name, value in {"id": "", "ORDER": count + 1, "DELETE": "", **fields}.items():
            self.data[f"{relation}-{count}-{name}"] = str(value)

    def save(self, *, publish: bool) -> HttpResponse:
        self.data.pop("action-publish", None)
        if publish:
            self.data["action-publish"] = "action-publish"
        return self.client.post(self.url, self.data, follow=True)


@pytest.fixture
def browser(editor: User) -> Client:
    """The editor, signed in."""
    client = Client()
    client.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")
    return client
