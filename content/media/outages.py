"""A file storage that cannot be asked now. What was asked of it may be asked again: nothing is wrong with the file."""

from cms.errors import DomainError, ErrorCode


class StorageUnavailableError(DomainError):
    """TIMED_OUT: no good answer, after several tries. PROVIDER_MISCONFIGURED: it refuses this site."""


def no_answer() -> StorageUnavailableError:
    """The network or the storage fails."""
    return StorageUnavailableError(
        ErrorCode.TIMED_OUT, "The file storage does not answer. Nothing is lost: try again in a minute."
    )


def refused() -> StorageUnavailableError:
    """The storage does not take our key, or has no such bucket: trying again does not help."""
    return StorageUnavailableError(
        ErrorCode.PROVIDER_MISCONFIGURED,
        "The file storage refuses this site's key or bucket. Tell an administrator: “manage.py setup_bucket” says why.",
    )
