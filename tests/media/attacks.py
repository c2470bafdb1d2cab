"""What attacks have in common: pages with scripts, and what is left of a file that was refused or taken."""

import re

from cms.api.ids import parse_id
from content.media.models import CustomDocument, CustomImage, Media, UnownedFile
from content.projects.models import Project

from .conftest import gid
from .test_serving import signed
from .test_uploads import stored_files

SCRIPT = b"<script>fetch('/graphql/').then(steal)</script>"
HTML = b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="steal()">' + SCRIPT + b"</svg>"
MEGABYTE = 1024**2
TEXTS = {"text/plain", "text/markdown", "text/x-fountain"}


def refused(api, project, content: bytes, name: str, mime: str) -> dict:
    """The reason why a file becomes no media item, in the request or when it is processed; nothing of it is left."""
    payload = api.upload(project, content, name, mime)
    assert payload["media"] is None
    return reason(payload)


def reason(payload: dict) -> dict:
    """The one error of a refusal, which has words for people and left nothing."""
    (error,) = payload["errors"]
    assert re.fullmatch(r"[A-Z0-9“].{15,}[.]", error["message"]), error
    assert_nothing_is_left()
    return error


def assert_nothing_is_left() -> None:
    assert stored_files() == []
    assert not Media.objects.exists()
    assert not CustomImage.all_objects.exists()
    assert not CustomDocument.all_objects.exists()
    assert not Project.objects.exclude(media_bytes=0).exists()
    # The place that a sender's address still opens is looked at once more when the address has expired.
    assert {path.split("/")[0] for path in UnownedFile.objects.values_list("path", flat=True)} <= {"uploads"}


def accepted(api, project, content: bytes, name: str, mime: str) -> Media:
    payload = api.upload(project, content, name, mime)
    assert payload["errors"] == []
    return Media.objects.get(pk=parse_id(payload["media"]["id"], "Media"))


def answers_of_every_door(api, media: Media) -> list:
    """A file by its own address, by a signature and by its place in the storage."""
    addresses = [
        api.look(gid(media))["url"],
        signed(api, media)["data"]["node"]["signedUrl"],
        media.file.url,
    ]
    return [api.client.get(address) for address in addresses]
