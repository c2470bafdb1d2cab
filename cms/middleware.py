"""What every request and response gets."""

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# React sets styles through the DOM, which the policy allows; nothing inline is ever needed by our pages.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
# Wagtail's admin still writes scripts and styles into its pages.
ADMIN_POLICY = POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)
# What pages load from a bucket and send to it, where files are in one.
BUCKET_DIRECTIVES = ("img-src", "media-src", "connect-src")
GetResponse = Callable[[HttpRequest], HttpResponse]


def request_id(get_response: GetResponse) -> GetResponse:
    """Give each request an id, which errors of ours name and the log has."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.request_id = secrets.token_hex(8)  # type: ignore[attr-defined]  # ours
        response = get_response(request)
        response.headers.setdefault("X-Request-ID", request.request_id)  # type: ignore[attr-defined]
        return response

    return middleware


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Nothing but our own files runs or loads, and those in the bucket load; a view may set a policy of its own."""
    pages, admin = _reaching_bucket(POLICY), _reaching_bucket(ADMIN_POLICY)

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        policy = admin if request.path.startswith("/admin/") else pages
        if settings.SOCIAL_PROVIDERS and request.path.startswith("/accounts/"):
            # The form that goes to a provider is ours; the provider's own address is where it is sent on to.
            policy = policy.replace("form-action 'self'", "form-action 'self' https:")
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware


def _reaching_bucket(policy: str) -> str:
    if settings.BUCKET_ORIGIN:
        for directive in BUCKET_DIRECTIVES:
            policy = policy.replace(f"{directive} 'self'", f"{directive} 'self' {settings.BUCKET_ORIGIN}")
    return policy
