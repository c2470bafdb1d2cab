"""A message's files as a model can take them: pictures resized, documents as fenced text, within a number of
tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ai import documents, pictures
from ai.contract import Attachment, ChatMessage
from ai.templates import disarm, fence
from ai.text import one_line
from ai.tokens import BYTES_A_TOKEN, picture_tokens

MOST_PICTURE_TOKENS = 1280
LEAST_PICTURE_TOKENS = 64
MOST_PICTURES = 16
# Below this a document's beginning says too little to be worth its place.
LEAST_DOCUMENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Prepared:
    """`message` is ready for a provider. `left_out` says in words what of its files is missing or shortened."""

    message: ChatMessage
    left_out: tuple[str, ...] = ()


def prepare(message: ChatMessage, *, tokens: int) -> Prepared:
    """The message with its files. Pictures share half of `tokens`, documents what then remains."""
    left_out: list[str] = []
    files = [item for item in message.attachments if item.is_picture]
    ready = _pictures(files, tokens // 2, left_out)
    spent = sum(picture_tokens(*pictures.size_of(item.data)) for item in ready)
    papers = [item for item in message.attachments if not item.is_picture]
    blocks = _documents(papers, tokens - spent, left_out)
    if ready:
        names = ", ".join(disarm(one_line(item.name)) for item in ready)
        blocks.insert(0, f"Attached pictures, in this order: {names}")
    text = "\n\n".join(part for part in (disarm(message.text).strip(), *blocks) if part)
    return Prepared(ChatMessage(message.role, text, tuple(ready)), tuple(left_out))


def named_only(message: ChatMessage) -> ChatMessage:
    """The message with its files named and not sent again."""
    text = disarm(message.text).strip()
    if message.attachments:
        names = ", ".join(disarm(one_line(item.name)) for item in message.attachments)
        text = f"{text}\n\n[Attached then and not sent again: {names}]".strip()
    return ChatMessage(message.role, text)


def _pictures(files: Sequence[Attachment], tokens: int, left_out: list[str]) -> list[Attachment]:
    """As many as fit, all at the same share of the tokens: a small picture says more than none."""
    room = max(0, min(len(files), MOST_PICTURES, tokens // LEAST_PICTURE_TOKENS))
    for item in files[room:]:
        left_out.append(f"The picture {_name(item)}: there is no room for it beside the others.")
    if not room:
        return []
    share = min(MOST_PICTURE_TOKENS, tokens // room)
    ready = []
    for item in files[:room]:
        try:
            picture = pictures.prepare(item.data, most_pixels=share * 32 * 32)
        except pictures.UnreadablePictureError as error:
            left_out.append(f"The picture {_name(item)}: {error}.")
        else:
            ready.append(Attachment(item.name, picture.mime_type, picture.data))
    return ready


def _documents(files: Sequence[Attachment], tokens: int, left_out: list[str]) -> list[str]:
    share = int(tokens * BYTES_A_TOKEN) // max(1, len(files))
    blocks = []
    for item in files:
        try:
            document = documents.read(item)
        except documents.UnreadableDocumentError as error:
            left_out.append(f"The file {_name(item)}: {error}.")
            continue
        text = _within(document.text, share)
        if not document.text:
            left_out.append(f"The file {_name(item)}: it holds no text that can be read.")
        elif not text:
            left_out.append(f"The file {_name(item)}: there is no room for it.")
        else:
            if document.cut or len(text) < len(document.text):
                left_out.append(f"The file {_name(item)} after its first {len(text):,} characters.")
            blocks.append(fence(f"attached file: {item.name}", text))
    return blocks


def _within(text: str, share: int) -> str:
    """The beginning of `text` in at most `share` bytes; nothing where that is too little to be of use."""
    whole = text.encode("utf-8", "replace")
    if len(whole) <= share:
        return text
    if share < LEAST_DOCUMENT_CHARACTERS:
        return ""
    return whole[:share].decode("utf-8", "ignore")


def _name(item: Attachment) -> str:
    return f"'{disarm(one_line(item.name))}'"
