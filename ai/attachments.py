"""A message's files as a model can take them: pictures resized, videos as stills, documents as fenced text, within a
number of tokens. What does not fit, or cannot be given at all, is said by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ai import pictures
from ai.contract import Attachment, ChatMessage, LeftOut, Picture, Still
from ai.templates import disarm, fence
from ai.text import one_line, seconds_in_words, shorten
from ai.tokens import BYTES_A_TOKEN, SQUARE, shown_tokens, text_tokens

MOST_PICTURE_TOKENS = 1280
LEAST_PICTURE_TOKENS = 64
MOST_PICTURES = 16
# Of one video: it takes a few stills to tell what moves, and beyond those larger ones tell more than many.
MOST_STILLS = 8
LEAST_STILLS = 3
MOST_STILL_TOKENS = 256
WANTED_STILL_TOKENS = 128
CAPTION_TOKENS = 24
# Below this a document's beginning says too little to be worth its place.
LEAST_DOCUMENT_CHARACTERS = 200
LONGEST_NAME = 80
CAPTION_NAME = 40


@dataclass(frozen=True, slots=True)
class Prepared:
    """`message` is ready for a provider. `left_out` is what of its files is missing or shortened."""

    message: ChatMessage
    left_out: tuple[LeftOut, ...] = ()


def prepare(message: ChatMessage, *, tokens: int, sees_pictures: bool = True) -> Prepared:
    """The message with its files. Pictures and videos share half of `tokens`, documents what then remains.

    A file for which there is no room is not read.
    """
    files = message.attachments
    seen = [item for item in files if item.is_picture], [item for item in files if item.is_video]
    assembly = _Assembly(tokens)
    if sees_pictures:
        assembly.take_pictures(seen[0], beside=len(seen[1]))
        assembly.take_videos(seen[1])
    else:
        assembly.name_unseen([*seen[0], *seen[1]])
    for item in files:
        if item.is_sound:
            assembly.take_sound(item)
    assembly.take_documents([item for item in files if not (item.is_picture or item.is_video or item.is_sound)])
    text = "\n\n".join(part for part in (disarm(message.text).strip(), *assembly.blocks) if part)
    left_out = sorted(assembly.left_out, key=lambda pair: [item is pair[0] for item in files].index(True))
    return Prepared(
        ChatMessage(message.role, text, pictures=tuple(assembly.pictures)), tuple(note for _, note in left_out)
    )


def named_only(message: ChatMessage) -> ChatMessage:
    """The message with its files named and not sent again."""
    text = disarm(message.text).strip()
    if message.attachments:
        text = f"{text}\n\n[Attached then and not sent again: {_names(message.attachments)}]".strip()
    return ChatMessage(message.role, text)


def name_of(item: Attachment | LeftOut) -> str:
    """A file's name, harmless and short enough to stand in a prompt."""
    return disarm(shorten(one_line(item.name), LONGEST_NAME))


@dataclass(slots=True)
class _Assembly:
    """What one message's files become, piece by piece."""

    tokens: int
    blocks: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    left_out: list[tuple[Attachment, LeftOut]] = field(default_factory=list)
    spent: int = 0

    @property
    def _for_pictures(self) -> int:
        return self.tokens // 2

    def take_pictures(self, files: Sequence[Attachment], *, beside: int) -> None:
        """As many as fit, all at the same share of the tokens: a small picture says more than none. `beside` is how
        many videos come after them.
        """
        room = min(len(files), MOST_PICTURES, max(0, self._for_pictures) // LEAST_PICTURE_TOKENS)
        shown = []
        for item in self._readable(files, room):
            share = max(LEAST_PICTURE_TOKENS, self._for_pictures // (room + beside))
            still = self._fitted(item, item.content.stills[0], min(MOST_PICTURE_TOKENS, share))
            if still is None:
                continue
            shown.append(item)
            self._show(Picture(still))
            if item.content.is_first_of_several:
                self._leave(item, "only the first of its pictures is shown", is_all=False)
        if shown:
            self._say(f"Attached pictures, in this order: {_names(shown)}")

    def take_videos(self, files: Sequence[Attachment]) -> None:
        """Stills of each, from what the pictures have left."""
        left = max(0, self._for_pictures - self.spent)
        room = min(len(files), left // (LEAST_PICTURE_TOKENS + CAPTION_TOKENS))
        for item in self._readable(files, room):
            self._take_video(item, left // room)

    def name_unseen(self, files: Sequence[Attachment]) -> None:
        """Pictures and videos for a model that cannot see them. They are not read."""
        if files:
            self._say(f"Attached, and you cannot see them (say so if they matter): {_names(files)}")
        for item in files:
            self._leave(item, "the director cannot see pictures")

    def _take_video(self, item: Attachment, share: int) -> None:
        wanted = share // (WANTED_STILL_TOKENS + CAPTION_TOKENS)
        least = min(LEAST_STILLS, share // (LEAST_PICTURE_TOKENS + CAPTION_TOKENS))
        count = min(MOST_STILLS, max(wanted, least))
        chosen = _spread(item.content.stills, count)
        most = min(MOST_STILL_TOKENS, share // len(chosen) - CAPTION_TOKENS)
        stills = [still for one in chosen if (still := self._fitted(item, one, most)) is not None]
        if not stills:
            return
        name, count = name_of(item), len(stills)
        number = "one still" if count == 1 else f"{count} stills"
        self._say(f"Attached video: {name}{_measured(item)}, shown as {number} of it and without its sound.")
        for place, still in enumerate(stills, start=1):
            self._show(Picture(still, f"{shorten(name, CAPTION_NAME)}, still {place} of {count}, at {_at(still)}"))
        span = f"at {_at(stills[0])}" if count == 1 else f"from {_at(stills[0])} to {_at(stills[-1])}"
        self._leave(item, f"shown as {number}, {span}, and without sound", is_all=False)

    def take_sound(self, item: Attachment) -> None:
        """What was measured of it: no model of this API hears."""
        if item.content.problem:
            self._leave(item, item.content.problem)
            return
        measured = _measured(item)
        self._say(f"Attached sound, which you cannot hear: {name_of(item)}{measured}")
        known = "only its name and what was measured is known" if measured else "only its name is known"
        self._leave(item, f"the director cannot hear sound; {known}", is_all=False)

    def take_documents(self, files: Sequence[Attachment]) -> None:
        """The beginning of each; what a short one leaves goes to the longer ones."""
        frames = sum(text_tokens(fence(f"attached file: {name_of(item)}", "")) + 1 for item in files)
        room = int((self.tokens - self.spent - frames) * BYTES_A_TOKEN)
        readable = list(self._readable(files, len(files) if room > 0 else 0))
        shares = _shares([_size(item.content.text) for item in readable], room)
        for item, share in zip(readable, shares, strict=True):
            text = _within(item.content.text, share)
            if not text:
                self._no_room(item)
                continue
            if item.content.is_cut or len(text) < len(item.content.text):
                self._leave(item, f"only its first {len(text):,} characters are given", is_all=False)
            self._say(fence(f"attached file: {name_of(item)}", text))

    def _readable(self, files: Sequence[Attachment], room: int) -> Iterator[Attachment]:
        """The first `room` files, but for those that cannot be read."""
        for item in files[:room]:
            if item.content.problem:
                self._leave(item, item.content.problem)
            else:
                yield item
        for item in files[room:]:
            self._no_room(item)

    def _fitted(self, item: Attachment, still: Still, tokens: int) -> Still | None:
        # Half a square off each side, on average: a square that is only touched is counted.
        most_pixels = int((tokens**0.5 - 0.5) ** 2) * SQUARE * SQUARE
        try:
            return pictures.fitted(still, most_pixels)
        except pictures.UnreadablePictureError as error:
            self._leave(item, str(error))
            return None

    def _show(self, picture: Picture) -> None:
        self.pictures.append(picture)
        self.spent += shown_tokens(picture)

    def _say(self, block: str) -> None:
        self.blocks.append(block)
        self.spent += text_tokens(block) + 1

    def _no_room(self, item: Attachment) -> None:
        self._leave(item, "there is no room for it beside the rest")

    def _leave(self, item: Attachment, reason: str, *, is_all: bool = True) -> None:
        self.left_out.append((item, LeftOut(item.name, reason, is_all)))


def _names(files: Sequence[Attachment]) -> str:
    return ", ".join(map(name_of, files))


def _at(still: Still) -> str:
    return seconds_in_words(still.seconds or 0.0)


def _measured(item: Attachment) -> str:
    """What is known of a video or sound, in brackets."""
    content = item.content
    facts = [
        seconds_in_words(content.duration) if content.duration is not None else "",
        f"{content.width} × {content.height} px" if content.width and content.height else "",
        f"{content.fps:.4g} frames a second" if content.fps else "",
        f"sound at {content.sample_rate:,} Hz" if content.sample_rate else "",
    ]
    known = ", ".join(filter(None, facts))
    return f" ({known})" if known else ""


def _spread(stills: Sequence[Still], count: int) -> Sequence[Still]:
    """At most `count` of them, evenly, the first and the last among them; of one, that in the middle."""
    if count >= len(stills):
        return stills
    if count == 1:
        return [stills[len(stills) // 2]]
    return [stills[round(place * (len(stills) - 1) / (count - 1))] for place in range(count)]


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """How much of `room` each gets: all that it needs where that fits, else as much as every other long one."""
    shares = [0] * len(sizes)
    shortest_first = sorted(range(len(sizes)), key=sizes.__getitem__)
    for waiting, place in zip(range(len(sizes), 0, -1), shortest_first, strict=True):
        shares[place] = min(sizes[place], room // waiting)
        room -= shares[place]
    return shares


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _within(text: str, share: int) -> str:
    """The beginning of `text` in at most `share` bytes; nothing where that is too little to be of use."""
    whole = text.encode("utf-8", "replace")
    if len(whole) <= share:
        return text
    if share < LEAST_DOCUMENT_CHARACTERS:
        return ""
    return whole[:share].decode("utf-8", "ignore")
