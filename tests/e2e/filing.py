"""Uploads to a served project, as an outside client makes them, and what is then on the server's disk."""

import json
import subprocess
import sys
from typing import Any

import httpx

from tests.live import ROOT, LiveClient, LiveServer

FIELDS = "id status title url thumbnailUrl progress fileSize error { code message }"
CREATE = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
  ticket { id method url headers { name value } } errors { code message } } }"""
COMPLETE = f"""mutation ($id: ID!) {{ completeUpload(input: {{id: $id}}) {{
  media {{ {FIELDS} }} errors {{ code message }} }} }}"""
LOOK = f"query ($id: ID!) {{ node(id: $id) {{ ... on Media {{ {FIELDS} }} }} }}"
PROJECT = """mutation ($title: String!) { createProject(input: {title: $title, genre: DRAMA}) {
  project { id lastEventSeq } errors { message } } }"""
EVENTS = f"""subscription ($project: ID!, $after: Int) {{ projectEvents(projectId: $project, after: $after) {{
  __typename seq ... on MediaUpdatedEvent {{ media {{ {FIELDS} }} }} }} }}"""
# What is on the disk and belongs to no media item and no ticket, though a later sweep may know of it.
STRAYS = """
import json
from pathlib import Path
from django.conf import settings
from content.media.models import CustomDocument, CustomImage, Media, Upload
columns = [
    (CustomImage, "file"), (CustomImage.get_rendition_model(), "file"), (CustomDocument, "file"),
    (Media, "thumbnail"), (Upload, "path"),
]
known = {path for model, column in columns for path in model._base_manager.values_list(column, flat=True)}
root = Path(settings.MEDIA_ROOT)
there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
print(json.dumps(sorted(there - known)))
"""


def new_project(client: LiveClient, title: str) -> dict[str, Any]:
    """A project of the caller's, with its `lastEventSeq`."""
    return client.run(PROJECT, title=title)["createProject"]["project"]


def ticket(client: LiveClient, project: str, filename: str, mime: str, size: int) -> dict[str, Any]:
    """A ticket for one file."""
    given = {"projectId": project, "filename": filename, "fileSize": size, "mimeType": mime}
    answer = client.run(CREATE, input=given)["createUpload"]
    assert answer["errors"] == []
    return answer["ticket"]


def put(ticket: dict[str, Any], content: bytes) -> httpx.Response:
    """Send bytes to a ticket's address, as somebody without cookie or token."""
    headers = {header["name"]: header["value"] for header in ticket["headers"]}
    return httpx.put(ticket["url"], content=content, headers=headers, timeout=60)


def complete(client: LiveClient, ticket: dict[str, Any]) -> dict[str, Any]:
    """The media item of a ticket whose bytes were sent."""
    answer = client.run(COMPLETE, id=ticket["id"])["completeUpload"]
    assert answer["errors"] == []
    return answer["media"]


def upload(client: LiveClient, project: str, filename: str, mime: str, content: bytes) -> dict[str, Any]:
    """The whole way of a file; the media item is PROCESSING then."""
    sent = ticket(client, project, filename, mime, len(content))
    assert put(sent, content).status_code < 300
    return complete(client, sent)


def strays(server: LiveServer) -> list[str]:
    """Files on the server's disk that belong to nothing."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", STRAYS]
    run = subprocess.run(command, cwd=ROOT, env=server.env, check=True, capture_output=True, text=True)
    return json.loads(run.stdout)  # type: ignore[no-any-return]
