"""The doors of a session beside the API: its exports."""

import io
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from cms.accounts.tokens import request_user
from cms.api.ids import parse_id
from cms.errors import not_found
from content.media.serving import CONTENT_POLICY, file_chunks
from content.media.views import answers_errors

from .choices import ExportFormat
from .export import filename, write_markdown
from .export_json import write_json
from .export_pdf import write_pdf
from .models import Session
from .policy import SessionAction, SessionPolicy

# Bytes of an export that are kept in memory; the rest is on the disk meanwhile.
IN_MEMORY = 1024 * 1024
CONTENT_TYPES = {
    ExportFormat.MARKDOWN: "text/markdown; charset=utf-8",
    ExportFormat.JSON: "application/json",
    ExportFormat.PDF: "application/pdf",
}


@require_safe
@answers_errors
def export_session(request: HttpRequest, session_id: str, format: str) -> HttpResponseBase:
    """A session as a file, for those who see it."""
    found = SessionPolicy(request_user(request)).get(SessionAction.VIEW, parse_id(session_id, "Session"))
    session = Session.objects.select_related("project", "user", "current_step").get(pk=found.pk)
    if format not in ExportFormat.values:
        raise not_found("The export", None)
    wanted = ExportFormat(format)
    response = _head(wanted) if request.method == "HEAD" else _body(request, session, wanted)
    response["Content-Disposition"] = content_disposition_header(True, filename(session, format))
    response["Cache-Control"] = "private, no-store"
    response["Vary"] = "Authorization, Cookie"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = CONTENT_POLICY
    response["Cross-Origin-Resource-Policy"] = "same-site"
    return response


def _head(format: ExportFormat) -> HttpResponse:
    return HttpResponse(content_type=CONTENT_TYPES[format])


def _body(request: HttpRequest, session: Session, format: ExportFormat) -> HttpResponseBase:
    """Made whole before the first byte is sent, so that a failure is one for the client too."""
    file: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (closed when it has been sent)
    try:
        _write(session, format, request.build_absolute_uri, file)
    except BaseException:
        file.close()
        raise
    length = file.tell()
    file.seek(0)
    chunks = file_chunks(request, file, length)
    headers = {"Content-Length": str(length)}
    return StreamingHttpResponse(chunks, content_type=CONTENT_TYPES[format], headers=headers)


def _write(session: Session, format: ExportFormat, absolute: Any, file: IO[bytes]) -> None:
    if format is ExportFormat.PDF:
        write_pdf(session, absolute, file)
        return
    text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
    (write_markdown if format is ExportFormat.MARKDOWN else write_json)(session, absolute, text)
    text.flush()
    text.detach()
