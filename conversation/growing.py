"""A reply as it grows. Its lengths and offsets count UTF-16 code units, as JavaScript's String.length does."""


class GrowingReply:
    """What an attempt at a turn has said so far. One thread adds to it, others read."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._ends: list[int] = [0]

    def add(self, text: str) -> None:
        self._ends.append(self._ends[-1] + utf16_length(text))
        self._pieces.append(text)

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def count(self) -> int:
        """Of pieces that were added."""
        return len(self._pieces)

    def joined(self, start: int, end: int) -> tuple[int, str]:
        """The pieces from number `start` up to and without `end` as one, and its offset."""
        return self._ends[start], "".join(self._pieces[start:end])


def utf16_length(text: str) -> int:
    """How long a text is."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def utf16_tail(text: str, offset: int) -> str:
    """A text from an offset on."""
    return text[offset:] if text.isascii() else text.encode("utf-16-le")[2 * offset :].decode("utf-16-le")
