"""The doors of files: sending one in, and opening one."""

import functools
from collections.abc import Callable, Iterator

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    UnreadablePostError,
)
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from cms.accounts.tokens import InvalidTokenError, request_user
from cms.api.ids import parse_id
from cms.errors import DomainError, ErrorCode, invalid, not_found

from .addresses import signed_media
from .models import CustomDocument, CustomRendition, Media
from .policy import MediaPolicy, stored_file
from .receiving import OUTCOME
from .serving import REDIRECT_SECONDS, send_file
from .sniff import BY_EXTENSION, BY_MIME_TYPE, extension_of
from .uploads import receive_upload, upload_of

CHUNK = 64 * 1024
STATUS = {
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.CONFLICT: 409,
    ErrorCode.LIMIT_EXCEEDED: 413,
    ErrorCode.UNSUPPORTED_MEDIA: 415,
    # The file storage does not answer, or refuses us.
    ErrorCode.TIMED_OUT: 503,
    ErrorCode.PROVIDER_MISCONFIGURED: 503,
}

View = Callable[..., HttpResponseBase]


def answers_errors(view: View) -> View:
    """Refusals as JSON with the API's code."""

    @functools.wraps(view)
    def wrapper(request: HttpRequest, **kwargs: str) -> HttpResponseBase:
        try:
            return view(request, **kwargs)
        except DomainError as error:
            return _refusal(STATUS.get(error.code, 400), error.code.value, error.message)
        except InvalidTokenError:
            return _refusal(401, "UNAUTHENTICATED", "The access token is not valid or has expired. Sign in again.")

    return wrapper


def _refusal(status: int, code: str, message: str) -> HttpResponseBase:
    response = JsonResponse({"code": code, "message": message}, status=status)
    response["Cache-Control"] = "no-store"
    return response


@csrf_exempt
@require_http_methods(["PUT"])
@answers_errors
def upload(request: HttpRequest, token: str) -> HttpResponseBase:
    """Take in the bytes of a ticket. The address carries its own signature: no cookie, no token."""
    scope = getattr(request, "scope", {})
    if OUTCOME in scope:
        # Under ASGI they were taken in before Django was called (receiving.py).
        if scope[OUTCOME] is not None:
            raise scope[OUTCOME]
        return HttpResponse(status=200)
    ticket = upload_of(token)
    try:
        length = request.headers.get("Content-Length")
        receive_upload(upload=ticket, chunks=_chunks(request), content_length=int(length) if length else None)
    except (UnreadablePostError, ValueError):
        raise invalid("The file did not arrive whole. Send it again.") from None
    return HttpResponse(status=200)


@require_safe
@answers_errors
def media_file(request: HttpRequest, media_id: str) -> HttpResponseBase:
    """A media item's file, for those who may see it."""
    return _send_media(request, _visible(request, media_id))


@require_safe
@answers_errors
def media_thumbnail(request: HttpRequest, media_id: str) -> HttpResponseBase:
    """A small picture of a media item, for those who may see it."""
    media = _visible(request, media_id)
    if not media.thumbnail:
        raise not_found("The thumbnail", None)
    return _send(request, media.thumbnail, content_type="image/webp", filename="thumbnail.webp", media=media)


@require_safe
@answers_errors
def media_signed(request: HttpRequest, token: str) -> HttpResponseBase:
    """A media item's file, for whoever holds the signature, until it expires."""
    media_id, seconds_left = signed_media(token)
    media = Media.objects.select_related("image", "document").filter(pk=media_id).first()
    if media is None:
        raise not_found("The file", None)
    response = _send_media(request, media, min(REDIRECT_SECONDS, seconds_left))
    # Signatures are for pages on other origins.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
@answers_errors
def storage_file(request: HttpRequest, path: str) -> HttpResponseBase:
    """A file by its storage address, as Wagtail's admin uses it for thumbnails."""
    stored = stored_file(path)
    if stored is None or not MediaPolicy(request_user(request)).may_open(stored):
        raise not_found("The file", None)
    known = BY_EXTENSION.get(extension_of(path))
    modified = (stored.image if isinstance(stored, CustomRendition) else stored).created_at
    try:
        return send_file(
            request,
            path,
            content_type=known.mime_type if known else "application/octet-stream",
            filename=stored.title if isinstance(stored, CustomDocument) else path.rpartition("/")[2],
            modified=modified,
        )
    except FileNotFoundError:
        raise not_found("The file", None) from None


def open_wagtail_document(document: CustomDocument, request: HttpRequest) -> None:
    """Wagtail's own document address follows the same policy. Raises Http404."""
    try:
        user = request_user(request)
    except InvalidTokenError:
        user = None
    if not MediaPolicy(user).may_open(document):
        raise Http404("The document was not found.")


def _visible(request: HttpRequest, media_id: str) -> Media:
    user = request_user(request)
    pk = parse_id(media_id, "Media")
    media = MediaPolicy(user).visible().select_related("image", "document").filter(pk=pk).first()
    if media is None:
        raise not_found("The media item", None)
    return media


def _send_media(request: HttpRequest, media: Media, expires_in: int = REDIRECT_SECONDS) -> HttpResponseBase:
    return _send(
        request,
        media.file_path,
        content_type=media.mime_type,
        filename=_download_name(media),
        media=media,
        expires_in=expires_in,
    )


def _send(
    request: HttpRequest,
    path: str,
    *,
    content_type: str,
    filename: str,
    media: Media,
    expires_in: int = REDIRECT_SECONDS,
) -> HttpResponseBase:
    try:
        return send_file(
            request,
            path,
            content_type=content_type,
            filename=filename,
            modified=media.created_at,
            expires_in=expires_in,
        )
    except FileNotFoundError:
        raise not_found("The file", None) from None


def _download_name(media: Media) -> str:
    """The owner's name with an extension that fits the content, whatever the name claimed."""
    known = BY_MIME_TYPE.get(media.mime_type)
    if known is None or extension_of(media.filename) in known.extensions:
        return media.filename
    return f"{media.filename}.{known.extensions[0]}"


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(CHUNK):
        yield chunk
