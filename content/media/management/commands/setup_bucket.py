"""Prepare the configured bucket, and try everything that the site will do with it."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cms.errors import DomainError
from content.media.storage import media_storage

if TYPE_CHECKING:
    from content.media.buckets import BucketStorage

CONTENT = b"Auto-Movie was here."
TYPE = "text/plain; charset=utf-8"
EXPOSED = ["ETag", "Content-Range", "Accept-Ranges", "Content-Length"]
# Seconds: of an address, and of one answer.
EXPIRES_IN, PATIENCE = 300, 30
REASONS = {
    "NoSuchBucket": "There is no bucket “{name}” there. Create it, private, or correct its name in the settings.",
    "InvalidAccessKeyId": "The service does not know the access key. Copy the access key id again.",
    "SignatureDoesNotMatch": "The secret does not belong to the access key. Copy the secret again.",
    "AccessDenied": "The key may not do this. It needs to read, write, list and delete objects of “{name}”.",
    "Unauthorized": "The service does not take this key. Copy the access key id and the secret again.",
    "RequestTimeTooSkewed": "This machine's clock is wrong. Set it.",
    "404": "There is no bucket “{name}” there. Create it, private, or correct its name in the settings.",
    "403": "The service does not take this key for “{name}”. Copy the access key id and the secret again.",
    "401": "The service does not take this key for “{name}”. Copy the access key id and the secret again.",
}


class CheckError(Exception):
    """What does not work, and what to do."""


class Command(BaseCommand):
    """Sets the bucket's CORS rule and makes a round trip, as browsers and the server do. Safe to repeat."""

    help = "Prepare the configured bucket for this site's pages, and say what works."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait", type=int, default=30, help="Seconds that a new CORS rule may take until it works."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.BUCKET_ORIGIN:
            raise CommandError(
                "No bucket is configured: files are on the disk, in MEDIA_ROOT. .env.example and docs/operations.md "
                "say how to name one."
            )
        self.storage = cast("BucketStorage", media_storage())
        self.origins = _origins()
        self.failures = 0
        self.stdout.write(f"Bucket “{self.storage.bucket_name}” at {self.storage.endpoint_url}")
        if not self._check("the key opens the bucket", self._opens):
            raise CommandError("Nothing else can be tried until the key opens the bucket.")
        self._set_cors()
        with self._two_names() as (source, target):
            self._check("browsers' addresses take the declared file", lambda: self._puts(source))
            self._check("they refuse another length", lambda: self._refuses_length(source))
            self._check("they refuse another type", lambda: self._refuses_type(source))
            for origin in self.origins:
                self._check(f"pages of {origin} may send", lambda o=origin: self._cors(source, o, options["wait"]))  # type: ignore[misc]
            self._check("the bucket copies by itself", lambda: self._copies(source, target))
            self._check("signed addresses open, whole and in parts", lambda: self._gets(target))
            self._check("without a signature nothing opens", lambda: self._is_private(target))
            self._check("files can be deleted", lambda: self._deletes(target))
        if self.failures:
            raise CommandError(f"{self.failures} of these do not work. Correct them and run this again.")
        self.stdout.write("Everything works: files go to the bucket from now on. Restart the site if it runs already.")

    def _check(self, what: str, check: Callable[[], None]) -> bool:
        try:
            check()
        except CheckError as error:
            return self._failed(what, str(error))
        except ClientError as error:
            return self._failed(what, self._reason(error))
        except (DomainError, BotoCoreError, httpx.HTTPError, FileNotFoundError) as error:
            return self._failed(what, f"{type(error).__name__}. Is {self.storage.endpoint_url} reachable from here?")
        self.stdout.write(f"  works   {what}")
        return True

    def _failed(self, what: str, why: str) -> bool:
        self.failures += 1
        self.stdout.write(f"  FAILS   {what}\n          {why}")
        return False

    def _reason(self, error: ClientError) -> str:
        code = error.response["Error"]["Code"]
        known = REASONS.get(code)
        return known.format(name=self.storage.bucket_name) if known else f"The service answered {code}."

    def _opens(self) -> None:
        # A listing answers with the reason, which HEAD cannot.
        self.storage.client.list_objects_v2(Bucket=self.storage.bucket_name, MaxKeys=1)
        public = urlsplit(settings.WAGTAILADMIN_BASE_URL)
        if public.scheme == "https" and settings.BUCKET_ORIGIN.startswith("http:"):
            raise CheckError(
                "Browsers do not let pages of an https site load from an http bucket. Use its https address."
            )

    def _set_cors(self) -> None:
        rule = cors_rule(self.origins)
        bucket, client = {"Bucket": self.storage.bucket_name}, self.storage.client
        try:
            present = client.get_bucket_cors(**bucket)["CORSRules"]
        except ClientError:
            present = []
        if [_comparable(each) for each in present] == [_comparable(rule)]:
            self.stdout.write("  works   the CORS rule is there already")
            return
        try:
            client.put_bucket_cors(**bucket, CORSConfiguration={"CORSRules": [rule]})
        except (ClientError, BotoCoreError):
            # Whether it is needed at all, the pages' own check below finds out.
            self.stdout.write(
                "  note    this key may not set the bucket's CORS rule (R2: only a key with Admin Read & Write may).\n"
                "          If pages may not send below, paste this as the bucket's CORS policy (R2: Settings, CORS\n"
                f"          policy; S3: Permissions, CORS) and run this again:\n{json.dumps([rule], indent=2)}"
            )
            return
        self.stdout.write("  works   the CORS rule is set")
        if present:
            self.stdout.write(f"          It took the place of:\n{json.dumps(present, indent=2)}")

    @contextmanager
    def _two_names(self) -> Iterator[tuple[str, str]]:
        folder = f"setup/{secrets.token_hex(16)}"
        names = f"{folder}/sent", f"{folder}/copied"
        try:
            yield names
        finally:
            for name in names:
                try:
                    self.storage.delete(name)
                except DomainError:
                    self.stdout.write(f"  note    {name} is left in the bucket.")

    def _put(self, name: str, content: bytes, content_type: str = TYPE) -> httpx.Response:
        url = self.storage.signed_put(name, size=len(CONTENT), content_type=TYPE, expires_in=EXPIRES_IN)
        return httpx.put(url, content=content, headers={"Content-Type": content_type}, timeout=PATIENCE)

    def _puts(self, name: str) -> None:
        answer = self._put(name, CONTENT)
        if answer.status_code != 200:
            raise CheckError(f"The service answered {answer.status_code}.")

    def _refuses_length(self, name: str) -> None:
        if self._put(name, CONTENT + b" And more.").is_success:
            raise CheckError("It took more than was declared: this service does not check signed lengths.")

    def _refuses_type(self, name: str) -> None:
        if self._put(name, CONTENT, "text/html").is_success:
            raise CheckError("It took another type: this service does not check signed types.")

    def _cors(self, name: str, origin: str, wait: int) -> None:
        url = self.storage.signed_put(name, size=len(CONTENT), content_type=TYPE, expires_in=EXPIRES_IN)
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type",
        }
        deadline = time.monotonic() + wait
        while not _allows(httpx.options(url, headers=asked, timeout=PATIENCE), origin):
            if time.monotonic() >= deadline:
                raise CheckError("The bucket's CORS rule does not allow it: browsers will not send files.")
            time.sleep(1)

    def _copies(self, source: str, target: str) -> None:
        self.storage.adopt(source, target, content_type=TYPE)
        if self.storage.head(target, 100) != CONTENT:
            raise CheckError("The copy is not what was sent.")

    def _gets(self, name: str) -> None:
        url = self.storage.signed_get(
            name, expires_in=EXPIRES_IN, content_type=TYPE, filename="note.txt", attachment=True
        )
        whole = httpx.get(url, headers={"Origin": self.origins[0]}, timeout=PATIENCE)
        part = httpx.get(url, headers={"Range": "bytes=5-9"}, timeout=PATIENCE)
        if (whole.status_code, whole.content) != (200, CONTENT):
            raise CheckError(f"The service answered {whole.status_code}.")
        if (part.status_code, part.content) != (206, CONTENT[5:10]):
            raise CheckError("Asked for a part, it sent something else: films will not be seekable.")
        if not whole.headers.get("Content-Disposition", "").startswith("attachment"):
            raise CheckError("It ignores how a file is to be shown (response-content-disposition).")

    def _is_private(self, name: str) -> None:
        url = self.storage.signed_get(name, expires_in=EXPIRES_IN, content_type=TYPE, filename="", attachment=False)
        if httpx.get(url.partition("?")[0], timeout=PATIENCE).is_success:
            raise CheckError("The bucket is public: everybody can open every file. Make it private now.")

    def _deletes(self, name: str) -> None:
        self.storage.delete(name)
        if self.storage.exists(name):
            raise CheckError("A deleted file is still there.")


def cors_rule(origins: list[str]) -> dict[str, Any]:
    """What pages of these origins do with the bucket: send files, and fetch them in parts."""
    return {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "HEAD", "PUT"],
        # R2 takes no * here.
        "AllowedHeaders": ["content-type", "range"],
        "ExposeHeaders": EXPOSED,
        "MaxAgeSeconds": 3600,
    }


def _origins() -> list[str]:
    """The site's own, and those of other sites whose pages may call it; each once."""
    public = urlsplit(settings.WAGTAILADMIN_BASE_URL)
    return list(dict.fromkeys([f"{public.scheme}://{public.netloc}", *settings.ALLOWED_ORIGINS]))


def _comparable(rule: dict[str, Any]) -> dict[str, Any]:
    lists = {name: sorted(word.lower() for word in value) for name, value in rule.items() if isinstance(value, list)}
    return lists | {"MaxAgeSeconds": rule.get("MaxAgeSeconds")}


def _allows(answer: httpx.Response, origin: str) -> bool:
    """Whether a browser would go on after this answer to its preflight."""

    def words(header: str) -> set[str]:
        return {word.strip().lower() for word in answer.headers.get(f"Access-Control-Allow-{header}", "").split(",")}

    return (
        answer.is_success
        and bool(words("Origin") & {"*", origin.lower()})
        and bool(words("Methods") & {"*", "put"})
        and bool(words("Headers") & {"*", "content-type"})
    )
