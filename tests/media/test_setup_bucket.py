"""manage.py setup_bucket: what it sets, what it tries, and what it says."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command

from tests.buckets import NAME, SECRET_KEY, Bucket, use, web

pytest_plugins = ["tests.bucket_fixture"]

# Cloudflare's local R2 answers to pages of this machine alone.
SITE, STUDIO = "http://127.0.0.1:8123", "http://localhost:8124"


@pytest.fixture
def empty(bucket: Bucket) -> Iterator[Bucket]:
    if bucket.has_cors_rules:
        bucket.client.delete_bucket_cors(Bucket=NAME)
    yield bucket
    bucket.clear()


@pytest.fixture
def set_up(empty: Bucket, settings) -> Callable[..., tuple[str, str]]:
    """Run the command with some of the site's variables changed; answers what it said, and its error."""

    def run(**environment: str) -> tuple[str, str]:
        changed = Bucket(empty.environment | environment).configured
        use(settings, changed)
        settings.WAGTAILADMIN_BASE_URL, settings.ALLOWED_ORIGINS = f"{SITE}/", [STUDIO]
        said, failure = io.StringIO(), ""
        try:
            call_command("setup_bucket", wait=0, stdout=said)
        except CommandError as error:
            failure = str(error)
        return said.getvalue(), failure

    return run


@contextmanager
def policy(bucket: Bucket, effect: str, *actions: str) -> Iterator[None]:
    """Allow everybody something, or deny it even the site's own key."""
    resources = [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"]
    statement = {"Effect": effect, "Principal": "*", "Action": list(actions), "Resource": resources}
    bucket.client.put_bucket_policy(Bucket=NAME, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        bucket.client.delete_bucket_policy(Bucket=NAME)


def allowed_origin(bucket: Bucket, origin: str) -> str | None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    answer = web.options(bucket.address("uploads/ab/bytes"), headers=asked)
    return answer.headers.get("Access-Control-Allow-Origin")


def test_without_a_bucket_it_says_so():
    with pytest.raises(CommandError, match="No bucket is configured"):
        call_command("setup_bucket")


def test_the_round_trip_works_and_leaves_nothing_behind(empty, set_up):
    said, failure = set_up()
    assert failure == ""
    assert "FAILS" not in said
    assert "Everything works" in said
    assert empty.stored() == []


def test_pages_of_the_site_and_of_named_origins_may_send(empty, set_up):
    said, _ = set_up()
    for origin in (SITE, STUDIO):
        assert f"works   pages of {origin} may send" in said
        assert allowed_origin(empty, origin) in {origin, "*"}
    assert allowed_origin(empty, "http://evil.example") is None


def test_it_can_be_repeated_and_shows_the_rules_that_it_replaces(empty, set_up):
    if not empty.has_cors_rules:
        pytest.skip("This bucket has no CORS rules.")
    old = {"AllowedOrigins": ["https://old.example"], "AllowedMethods": ["GET"]}
    empty.client.put_bucket_cors(Bucket=NAME, CORSConfiguration={"CORSRules": [old]})
    assert "https://old.example" in set_up()[0]
    said, failure = set_up()
    assert "the CORS rule is there already" in said
    assert (failure, "https://old.example" in said) == ("", False)


def test_a_key_that_may_not_set_the_rule_is_told_what_to_paste(empty, set_up):
    if not empty.has_cors_rules:
        pytest.skip("This bucket has no CORS rules.")
    with policy(empty, "Deny", "s3:PutBucketCors"):
        said, failure = set_up()
    assert failure == "2 of these do not work. Correct them and run this again."
    assert f"FAILS   pages of {SITE} may send" in said
    pasted = json.loads(said[said.index("[\n") : said.index("\n]") + 2])
    empty.client.put_bucket_cors(Bucket=NAME, CORSConfiguration={"CORSRules": pasted})
    with policy(empty, "Deny", "s3:PutBucketCors", "s3:GetBucketCors"):
        said, failure = set_up()
    assert "this key may not set the bucket's CORS rule" in said
    assert failure == ""


def test_a_public_bucket_is_called_out(empty, set_up):
    if not empty.has_cors_rules:
        pytest.skip("This bucket has no policies.")
    with policy(empty, "Allow", "s3:GetObject"):
        said, failure = set_up()
    assert "The bucket is public" in said
    assert failure


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_ACCESS_KEY", "wrong", "The secret does not belong to the access key"),
        ("BUCKET", "not-there", "There is no bucket “not-there”"),
        ("ENDPOINT_URL", "http://127.0.0.1:1", "Is http://127.0.0.1:1 reachable from here?"),
    ],
)
def test_it_says_what_is_wrong_and_no_secret(empty, set_up, name, value, words):
    names = {
        "SECRET_ACCESS_KEY": ("AWS_SECRET_ACCESS_KEY", "R2_SECRET_ACCESS_KEY"),
        "BUCKET": ("AWS_STORAGE_BUCKET_NAME", "R2_BUCKET_NAME"),
        "ENDPOINT_URL": ("AWS_S3_ENDPOINT_URL", "R2_ENDPOINT_URL"),
    }[name]
    said, failure = set_up(**{variable: value for variable in names if variable in empty.environment})
    assert words in said
    assert failure == "Nothing else can be tried until the key opens the bucket."
    assert SECRET_KEY not in said
