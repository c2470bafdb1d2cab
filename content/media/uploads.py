"""How files come in: a ticket, the bytes, and the media item that they become."""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone

from cms import rate_limits
from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode, conflict, forbidden, invalid, not_found
from content.projects.policy import ProjectAction, ProjectPolicy
from content.projects.services import lock_project, require_unarchived

from . import unowned
from .choices import OPEN_UPLOADS, MediaStatus, UploadStatus
from .examination import check_size
from .models import Media, Upload
from .outages import StorageUnavailableError
from .quota import lock_owner, require_room
from .services import StoredContent, add_media, adopt_file, discard
from .sniff import BY_MIME_TYPE, declared_format
from .storage import PrivateFileSystemStorage, UploadWriter, media_storage
from .values import check_filename

FOLDER = "uploads"
MAX_OPEN_TICKETS = 500
_signer = signing.Signer(salt="content.media.upload")


def create_upload(
    *,
    user: User,
    project_id: int,
    filename: str,
    file_size: int,
    mime_type: str,
    media_type: str | None = None,
    replaces_media_id: int | None = None,
) -> Upload:
    """A ticket to send one file, of exactly `file_size` bytes, to a project.

    Raises NOT_FOUND (project, or field replaces_media_id), CONFLICT (archived), INVALID, UNSUPPORTED_MEDIA,
    LIMIT_EXCEEDED, RATE_LIMITED.
    """
    project = ProjectPolicy(user).get(ProjectAction.EDIT, project_id, field="project_id")
    require_unarchived(project)
    name = check_filename(filename)
    declared = declared_format(mime_type, name)
    check_size(declared.kind, file_size)
    replaces = _replaced(project_id, replaces_media_id)
    if replaces is not None and replaces.kind != declared.kind:
        raise invalid("A new version is a file of the same kind as the one before.", "replaces_media_id")
    with transaction.atomic():
        # Two tickets at once must not both take the plan's last room.
        lock_owner(project)
        _require_few_open(user)
        require_room(project, file_size, reserved=True)
        rate_limits.count("uploads", user.pk, what="uploads")
        path = new_path()
        unowned.note(path)
        return Upload.objects.create(
            project=project,
            user=user,
            filename=name,
            file_size=file_size,
            mime_type=declared.mime_type,
            media_type=media_type or "",
            replaces=replaces,
            path=path,
            expires_at=timezone.now() + timedelta(seconds=settings.UPLOAD_TICKET_SECONDS),
        )


def new_path() -> str:
    """Where bytes that arrive are put first. Such a place is never owned: it is swept long after its ticket's end,
    whatever became of the ticket and of who asked for it.
    """
    return f"{FOLDER}/{secrets.token_hex(16)}/bytes"


def _require_few_open(user: User) -> None:
    open_ = Upload.objects.filter(user=user, status__in=OPEN_UPLOADS, expires_at__gt=timezone.now())
    if open_.count() >= MAX_OPEN_TICKETS:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"{MAX_OPEN_TICKETS} uploads are open already. Complete some of them first.",
            limit=MAX_OPEN_TICKETS,
            remaining=0,
        )


def upload_token(upload: Upload) -> str:
    """What stands in the ticket's address: it opens this one door, until the ticket expires."""
    return _signer.sign(str(upload.pk))


def upload_of(token: str) -> Upload:
    """The ticket behind an address. Raises NOT_FOUND, or FORBIDDEN where it has expired."""
    try:
        pk = int(_signer.unsign(token))
    except (signing.BadSignature, ValueError):
        raise not_found("The upload", None) from None
    upload = Upload.objects.filter(pk=pk).first()
    if upload is None:
        raise not_found("The upload", None)
    if upload.expires_at <= timezone.now():
        raise forbidden("This upload address has expired. Ask for a new ticket with createUpload.")
    return upload


def begin_reception(*, upload: Upload, content_length: int | None) -> UploadWriter:
    """A place on the disk for the bytes of a ticket; `end_reception` makes them count, `abort` removes them.

    Raises LIMIT_EXCEEDED or INVALID where the announced length is not the ticket's, CONFLICT for a ticket that is
    used up.
    """
    if upload.status not in OPEN_UPLOADS:
        raise conflict("This upload is finished. Ask for a new ticket with createUpload.")
    storage = media_storage()
    if not isinstance(storage, PrivateFileSystemStorage):
        raise conflict("Files go to another place by now. Ask for a new ticket with createUpload.")
    if content_length is not None:
        _check_length(upload, content_length)
    path = new_path()
    # Before the file exists: a process that is killed while it receives leaves nothing behind for good.
    unowned.note(path)
    return UploadWriter(storage, path, upload.file_size)


def end_reception(*, upload: Upload, writer: UploadWriter) -> None:
    """Make received bytes those of the ticket; sending again, before it is completed, replaces them.

    Raises LIMIT_EXCEEDED for more than was declared, INVALID for less, CONFLICT where the ticket was used
    meanwhile. Nothing is kept then.
    """
    writer.close()
    try:
        _check_length(upload, writer.size)
        with transaction.atomic():
            # Two senders at once: the first to finish wins, so that nobody examines a file that changes.
            taken = Upload.objects.filter(pk=upload.pk, path=upload.path, status__in=OPEN_UPLOADS).update(
                path=writer.name, status=UploadStatus.RECEIVED
            )
            if not taken:
                raise conflict("This upload was received twice at once; the other one counts.")
            unowned.give_up_reception(upload.path)
    except BaseException:
        unowned.discard(writer.name)
        raise


def abort_reception(writer: UploadWriter) -> None:
    """Throw away what was received."""
    writer.close()
    unowned.discard(writer.name)


def receive_upload(*, upload: Upload, chunks: Iterable[bytes], content_length: int | None) -> None:
    """Take in the bytes of a ticket as they come. Raises what `begin_reception` and `end_reception` raise."""
    writer = begin_reception(upload=upload, content_length=content_length)
    try:
        for chunk in chunks:
            writer.write(chunk)
            if writer.is_full:
                break
    except BaseException:
        abort_reception(writer)
        raise
    end_reception(upload=upload, writer=writer)


def complete_upload(*, user: User, upload_id: int) -> Media:
    """Turn the received bytes into a media item, which is then PROCESSING; calling it again gives the same one.

    Nothing that the sender said is believed: the file is measured, sniffed and, where it is no film or sound,
    decoded. What does not fit is refused for good and its bytes are removed. Raises NOT_FOUND, INVALID (nothing
    was sent), CONFLICT (archived), UNSUPPORTED_MEDIA, LIMIT_EXCEEDED.
    """
    upload = Upload.objects.filter(pk=upload_id, user=user).select_related("media").first()
    if upload is None:
        raise not_found("The upload")
    project = ProjectPolicy(user).get(ProjectAction.EDIT, upload.project_id)
    if (media := _settled(upload)) is not None:
        return media
    require_unarchived(project)
    content = _adopt(upload)
    try:
        media = _finish(user, upload, content)
    except DomainError as error:
        discard(content)
        if error.code in {ErrorCode.INVALID, ErrorCode.LIMIT_EXCEEDED}:
            _refuse(upload, error)
        raise
    except BaseException:
        discard(content)
        raise
    if media.file_path != content.path:
        # Completed twice at once: the other call's file counts.
        discard(content)
    return media


@transaction.atomic
def cancel_upload(*, user: User, upload_id: int) -> None:
    """Give a ticket back, with what it reserved of the plan's room; cancelling a cancelled one changes nothing.

    Raises NOT_FOUND, or CONFLICT where it has become a media item.
    """
    uploads = user.narrowed(Upload.objects.filter(user=user), "project")
    upload = uploads.select_for_update(of=("self",)).filter(pk=upload_id).first()
    if upload is None:
        raise not_found("The upload")
    if upload.status == UploadStatus.COMPLETED:
        raise conflict("This upload is a media item already. Archive that instead.")
    if upload.status in OPEN_UPLOADS:
        unowned.give_up_reception(upload.path)
        upload.status, upload.path = UploadStatus.REFUSED, ""
        upload.error_code, upload.error_message = ErrorCode.CONFLICT.value, "This upload was cancelled."
        upload.save()


def sweep_uploads() -> int:
    """Remove tickets that expired uncompleted, with their bytes, and files that crashes left; answers how many
    tickets.
    """
    swept = 0
    expired = Upload.objects.exclude(status=UploadStatus.COMPLETED).filter(expires_at__lte=timezone.now())
    for upload in expired.iterator():
        with transaction.atomic():
            removed, _ = Upload.objects.filter(pk=upload.pk).exclude(status=UploadStatus.COMPLETED).delete()
            if removed:
                swept += 1
                unowned.give_up_reception(upload.path)
    unowned.sweep()
    return swept


def _replaced(project_id: int, media_id: int | None) -> Media | None:
    if media_id is None:
        return None
    media = Media.objects.filter(pk=media_id, project_id=project_id).first()
    if media is None:
        raise not_found("The media item", "replaces_media_id")
    return media


def _check_length(upload: Upload, size: int) -> None:
    if size > upload.file_size:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"The ticket is for {upload.file_size:,} bytes, and more were sent. Ask for a larger ticket.",
            limit=upload.file_size,
        )
    if size < upload.file_size:
        raise invalid(f"The ticket is for {upload.file_size:,} bytes, and {size:,} arrived. Send the file again.")


def _settled(upload: Upload) -> Media | None:
    """The media item of a completed ticket. Raises again what a refused one was refused for."""
    if upload.status == UploadStatus.COMPLETED:
        if upload.media is None:
            raise not_found("The media item")
        return upload.media
    if upload.status == UploadStatus.REFUSED:
        raise DomainError(ErrorCode(upload.error_code), upload.error_message)
    return None


def _adopt(upload: Upload) -> StoredContent:
    try:
        size = media_storage().size(upload.path)
    except FileNotFoundError:
        raise _nothing_sent() from None
    try:
        _check_length(upload, size)
        return adopt_file(upload.path, BY_MIME_TYPE[upload.mime_type])
    except FileNotFoundError:
        raise conflict("The upload changed meanwhile. Complete it again.") from None
    except StorageUnavailableError:
        raise
    except DomainError as error:
        _refuse(upload, error)
        raise


def _nothing_sent() -> DomainError:
    return invalid("No bytes have arrived yet. Send the file to the ticket's address first.", "id")


def _refuse(upload: Upload, error: DomainError) -> None:
    with transaction.atomic():
        refused = Upload.objects.filter(pk=upload.pk, path=upload.path, status__in=OPEN_UPLOADS).update(
            status=UploadStatus.REFUSED, path="", error_code=error.code.value, error_message=error.message
        )
        if refused:
            unowned.give_up_reception(upload.path)


@transaction.atomic
def _finish(user: User, upload: Upload, content: StoredContent) -> Media:
    project = lock_project(upload.project_id)
    ProjectPolicy(user).get(ProjectAction.EDIT, project.pk)
    current = Upload.objects.select_for_update(of=("self",)).select_related("media").filter(pk=upload.pk).first()
    if current is None:
        raise not_found("The upload")
    if (media := _settled(current)) is not None:
        return media
    if current.path != upload.path:
        raise conflict("The bytes were sent again meanwhile. Complete the upload again.")
    media = add_media(
        project=project,
        content=content,
        filename=current.filename,
        user=user,
        values={"media_type": current.media_type} if current.media_type else {},
        status=MediaStatus.PROCESSING,
        replaces=current.replaces,
    )
    unowned.give_up_reception(current.path)
    current.media, current.status, current.path = media, UploadStatus.COMPLETED, ""
    current.save(update_fields=["media", "status", "path"])
    return media
