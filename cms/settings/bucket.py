"""Which bucket holds the files, if any: Cloudflare R2, or anything else that speaks S3."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

R2_KEYS = ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# Settings that mean nothing but "files are in a bucket". Keys and regions alone may be meant for something else.
R2 = ("R2_ACCOUNT_ID", *R2_KEYS, "R2_BUCKET_NAME", "R2_ENDPOINT_URL")
AWS = ("AWS_STORAGE_BUCKET_NAME", "AWS_S3_REGION_NAME", "AWS_S3_ENDPOINT_URL")


@dataclass(frozen=True, slots=True, repr=False)
class Bucket:
    """A bucket and the way to it. `access_key` and `secret_key` are None where boto3 finds them itself."""

    name: str
    endpoint_url: str
    region: str
    access_key: str | None
    secret_key: str | None
    session_token: str | None = None

    @property
    def origin(self) -> str:
        """Where browsers send files to and fetch them from."""
        parts = urlsplit(self.endpoint_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def options(self) -> dict[str, str | None]:
        """OPTIONS of the storage; the rest is fixed in content.media.buckets."""
        options: dict[str, str | None] = {
            "bucket_name": self.name,
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
        }
        if self.access_key:
            # django-storages would add a token or a profile that the environment has for something else.
            options |= {
                "access_key": self.access_key,
                "secret_key": self.secret_key,
                "security_token": self.session_token,
                "session_profile": None,
            }
        return options


def bucket(environ: Mapping[str, str]) -> Bucket | None:
    """The bucket that the environment names; None for the disk.

    Raises ImproperlyConfigured for half a bucket, for two, and for an address that cannot be one.
    """
    values = {name: environ.get(name, "").strip() for name in (*R2, *AWS, *AWS_KEYS)}
    r2, aws = (any(values[name] for name in names) for names in (R2, AWS))
    if r2 and aws:
        raise ImproperlyConfigured(
            f"Files can be in one bucket only, but both {_listed(values, R2)} and {_listed(values, AWS)} are set. "
            "Keep R2_* for Cloudflare R2, or AWS_* for another S3 service, and remove the others."
        )
    if r2:
        return _r2(values)
    return _s3(values, environ) if aws else None


def _r2(values: Mapping[str, str]) -> Bucket:
    endpoint = values["R2_ENDPOINT_URL"]
    _require_all(values, (*R2_KEYS, "R2_BUCKET_NAME") if endpoint else ("R2_ACCOUNT_ID", *R2_KEYS, "R2_BUCKET_NAME"))
    account = values["R2_ACCOUNT_ID"]
    if not endpoint and not re.fullmatch(r"[0-9A-Za-z]+", account):
        raise ImproperlyConfigured(
            "R2_ACCOUNT_ID is the account's id alone: the letters and digits before .r2.cloudflarestorage.com."
        )
    endpoint = endpoint or f"https://{account}.r2.cloudflarestorage.com"
    return Bucket(
        name=values["R2_BUCKET_NAME"],
        endpoint_url=_checked_address(endpoint, "R2_ENDPOINT_URL", values["R2_BUCKET_NAME"]),
        region="auto",
        access_key=values["R2_ACCESS_KEY_ID"],
        secret_key=values["R2_SECRET_ACCESS_KEY"],
    )


def _s3(values: Mapping[str, str], environ: Mapping[str, str]) -> Bucket:
    _require_all(values, ("AWS_STORAGE_BUCKET_NAME",))
    if any(values[name] for name in AWS_KEYS):
        _require_all(values, AWS_KEYS)
    endpoint = values["AWS_S3_ENDPOINT_URL"]
    region = values["AWS_S3_REGION_NAME"] or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not endpoint and not region:
        raise ImproperlyConfigured(
            "AWS_STORAGE_BUCKET_NAME is set, but not where the bucket is. Set AWS_S3_REGION_NAME (Amazon), or "
            "AWS_S3_ENDPOINT_URL (any other S3 service)."
        )
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Bucket(
        name=values["AWS_STORAGE_BUCKET_NAME"],
        endpoint_url=_checked_address(
            endpoint or f"https://s3.{region}.{domain}", "AWS_S3_ENDPOINT_URL", values["AWS_STORAGE_BUCKET_NAME"]
        ),
        # What S3 services take that know no regions.
        region=region or "us-east-1",
        access_key=values["AWS_ACCESS_KEY_ID"] or None,
        secret_key=values["AWS_SECRET_ACCESS_KEY"] or None,
        session_token=environ.get("AWS_SESSION_TOKEN") or None,
    )


def _require_all(values: Mapping[str, str], names: tuple[str, ...]) -> None:
    missing = [name for name in names if not values[name]]
    if missing:
        given = _listed(values, R2 if missing[0] in R2 else (*AWS, *AWS_KEYS))
        raise ImproperlyConfigured(
            f"A bucket is configured by half. Set: {given}. Missing: {', '.join(missing)}. "
            "Add what is missing, or remove the others to keep files on the disk."
        )


def _listed(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    return ", ".join(name for name in names if values[name])


def _checked_address(url: str, setting: str, name: str) -> str:
    """The endpoint without a slash at its end. It becomes part of the pages' Content-Security-Policy."""
    url = url.rstrip("/")
    if not re.fullmatch(r"https?://[0-9A-Za-z.\-\[\]:]+(/[\w.~/-]+)?", url):
        raise ImproperlyConfigured(
            f"{setting} is the address of an S3 service, such as https://s3.example.com or http://127.0.0.1:9000; "
            "it holds no user, password, query or blank."
        )
    if url.rpartition("/")[2] == name:
        raise ImproperlyConfigured(
            f"{setting} ends with the bucket's name. Take /{name} away: the name is a setting of its own."
        )
    return url
