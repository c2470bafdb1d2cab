"""What goes over a WebSocket by graphql-transport-ws: the client's messages and the codes that close a socket.

Source: PROTOCOL.md of https://github.com/enisdenjo/graphql-ws.
"""

from enum import IntEnum
from json import JSONDecodeError
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from .requests import read_json
from .trusted import with_document

SUBPROTOCOL = "graphql-transport-ws"
# Bytes of a close frame that are left for the reason (RFC 6455, 5.5).
MOST_REASON_BYTES = 123


class CloseCode(IntEnum):
    """Why the server closes a socket: the protocol's codes, and two of RFC 6455's registry."""

    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013
    INVALID_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITIALISATIONS = 4429


class InvalidMessageError(Exception):
    """What came is no message that a client may send; its text is the reason to close with."""


Object = dict[str, Any]
Id = Annotated[str, Field(min_length=1)]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class ConnectionInit(_Message):
    """The client asks to be let in; `payload` may hold its credentials."""

    type: Literal["connection_init"]
    payload: Object | None = None


class Ping(_Message):
    """The client wants a pong with the same payload."""

    type: Literal["ping"]
    payload: Object | None = None


class Pong(_Message):
    """The client's answer to a ping, or its own sign of life."""

    type: Literal["pong"]
    payload: Object | None = None


class Request(_Message):
    """An operation: GraphQL's request parameters."""

    query: str
    variables: Object | None = None
    operation_name: str | None = Field(default=None, alias="operationName")
    extensions: Object | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_its_name(cls, request: Any) -> Any:
        return with_document(request) if isinstance(request, dict) else request


class Subscribe(_Message):
    """The client starts an operation; `id` names it until it is complete."""

    type: Literal["subscribe"]
    id: Id
    payload: Request


class Complete(_Message):
    """The client wants no more of an operation."""

    type: Literal["complete"]
    id: Id


Message = ConnectionInit | Ping | Pong | Subscribe | Complete
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
# Pydantic's kinds of errors in JSON's words, where its own are Python's.
_WORDS = {
    "model_attributes_type": "A message is a JSON object",
    "union_tag_not_found": "A message has a type",
    "union_tag_invalid": "Unknown message type, or one that only the server sends",
    "model_type": "Input should be an object",
    "dict_type": "Input should be an object",
}


def read_message(text: str | None) -> Message:
    """The message in a text frame; None stands for a binary one. Raises InvalidMessageError."""
    if text is None:
        raise InvalidMessageError("A message is a text frame")
    try:
        return _MESSAGES.validate_python(read_json(text))
    except JSONDecodeError:
        raise InvalidMessageError("A message is valid JSON") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place, words = ".".join(map(str, first["loc"])), _WORDS.get(first["type"], first["msg"])
        raise InvalidMessageError(f"{place}: {words}" if place else words) from None


def close_reason(text: str) -> str:
    """The text, cut to what a close frame holds."""
    return text.encode(errors="replace")[:MOST_REASON_BYTES].decode(errors="ignore")
