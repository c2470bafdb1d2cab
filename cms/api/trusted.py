"""Trusted documents: the operations of graphql/operations, each named by its hash in graphql/trusted-documents.json."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from graphql import GraphQLError

from cms.errors import DomainError, ErrorCode
from cms.settings.env import BASE_DIR

from .context import Context
from .manifest import digest

PREFIX = "sha256:"
# What a token's scopes hold that may run any document.
ANY_DOCUMENT = "documents:any"


@functools.cache
def manifest() -> Mapping[str, str]:
    """The text of every trusted document, by its SHA-256."""
    found: dict[str, str] = json.loads((BASE_DIR / "graphql" / "trusted-documents.json").read_text())
    return found


def with_document(request: dict[str, Any]) -> dict[str, Any]:
    """A request that names its document, with the document's id in place of the text that it lacks.

    The name is `documentId` ("sha256:…", GraphQL over HTTP's appendix on persisted documents) or
    `extensions.persistedQuery.sha256Hash`, as Apollo's and urql's clients send it.
    """
    if request.get("query"):
        return request
    extensions = request.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    name = request.get("documentId") or (persisted.get("sha256Hash") if isinstance(persisted, dict) else None)
    if not isinstance(name, str):
        return request
    return {**request, "query": PREFIX + name.removeprefix(PREFIX)}


def text_of(query: str, context: Context) -> str:
    """The text that a request asks for, by itself or by its id.

    Raises the top-level error PERSISTED_QUERY_NOT_FOUND for an id that is none, on which clients send the text; and
    FORBIDDEN for a text that is not trusted where only trusted ones are run.
    """
    if query.startswith(PREFIX):
        text = manifest().get(query.removeprefix(PREFIX))
        if text is None:
            # The very words that clients look for.
            raise GraphQLError("PersistedQueryNotFound", extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})
        return text
    if settings.TRUSTED_DOCUMENTS_ONLY and not is_trusted(query) and not _may_run_any(context):
        error = DomainError(
            ErrorCode.FORBIDDEN,
            "This server runs its own operations alone: send the hash of one of graphql/trusted-documents.json, or use "
            f"a token with the scope {ANY_DOCUMENT}.",
        )
        raise GraphQLError(error.message, original_error=error)
    return query


def is_trusted(text: str) -> bool:
    """Whether the manifest has a document of this text."""
    return digest(text) in manifest()


def _may_run_any(context: Context) -> bool:
    return context.user is not None and ANY_DOCUMENT in getattr(context.token, "scopes", ())
