"""Words as search compares them: the same for what is stored and for what is looked for, on every database.

Case, accents and full-width forms make no difference. No word is reduced to a stem: that is right in one language
and wrong in the next. Scripts without spaces between words are cut into pairs of neighbouring letters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

LONGEST_WORD = 40
# Bytes of all lexemes of one media item: a book's words fit; of scripts without spaces, the pairs of a hundred pages.
MOST_BYTES = 256 * 1024

# Where a word is found, best first, and how much that says about what the media item is.
PLACES = {"a": 1.0, "b": 0.7, "c": 0.45}

# Accents of Latin, Greek and Cyrillic, and the vowel points of Hebrew and Arabic: left out as often as written.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652]")
# Letters that Unicode does not take apart.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
# Chinese, Japanese, Thai, Lao, Burmese and Khmer.
_UNSPACED = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
# Python does not count the vowel signs of Indian scripts as part of a word.
_RUN = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[^\W_]|[\u0900-\u0963\u0966-\u0dff])+")
# A letter with its accents, or a Korean syllable written in parts.
_LETTER = re.compile("[\\s\\S][\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u1160-\u11ff\u3099\u309a]*")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_HUMP = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Word:
    """A word to look for; `is_begun`: longer words that begin with it count as well."""

    text: str
    is_begun: bool = False


def stored_words(text: str) -> Iterator[str]:
    """The words by which a text is found, in its order; some come several times."""
    for run in _runs(text):
        if _IS_UNSPACED.match(run):
            yield from _pairs(run)
            # So that each letter begins something.
            yield run[-1]
        else:
            yield run[:LONGEST_WORD]


def sought_words(text: str, *, most: int, last_is_begun: bool) -> list[Word]:
    """The distinct words of a query, at most `most`. People who type have only begun the last one."""
    words: dict[str, Word] = {}
    runs = list(_runs(text))
    for run in runs:
        if not _IS_UNSPACED.match(run):
            # One letter begins half of all words.
            is_begun = last_is_begun and run is runs[-1] and len(run) > 1
            words.setdefault(run[:LONGEST_WORD], Word(run[:LONGEST_WORD], is_begun))
        elif len(run) == 1:
            words.setdefault(run, Word(run, is_begun=True))
        else:
            words |= {pair: Word(pair) for pair in _pairs(run)}
    return list(words.values())[:most]


def places_of(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int, Word]]:
    """Where a text has some of the words, in its order: from which letter up to which, and the word sought."""
    exact = {word.text: word for word in words}
    begun = [word for word in words if word.is_begun]
    for match in re.finditer(r"\S+", text):
        part = match.group()
        if any(_sought(word, exact, begun) for word in stored_words(part)):
            for start, end, word in _places_in(part, exact, begun):
                yield match.start() + start, match.start() + end, word


def _sought(word: str, exact: Mapping[str, Word], begun: Sequence[Word]) -> Word | None:
    return exact.get(word) or next((each for each in begun if word.startswith(each.text)), None)


def _places_in(part: str, exact: Mapping[str, Word], begun: Sequence[Word]) -> Iterator[tuple[int, int, Word]]:
    """The same for a text without spaces, one letter with its marks after the other."""
    folded, origin = "", []
    for letter in _LETTER.finditer(part):
        plain = _folded(letter.group())
        folded += plain
        origin += [letter.span()] * len(plain)
    for run in _RUN.finditer(folded):
        for start, end in _pieces(run):
            if word := _sought(folded[start : min(end, start + LONGEST_WORD)], exact, begun):
                yield origin[start][0], origin[end - 1][1], word


def _pieces(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Whole words; of scripts without spaces the pairs, and each last letter."""
    if not _IS_UNSPACED.match(run.group()):
        yield run.span()
        return
    for start in range(run.start(), run.end()):
        yield start, min(start + 2, run.end())


def words_in_filename(filename: str) -> str:
    """A file's name without its ending, as words: "MaraRoof_v2.png" is Mara, Roof and v2."""
    stem = filename.rpartition(".")[0] or filename
    return _HUMP.sub(" ", stem)


def lexemes_of(media: Any) -> str:
    """What is stored of a media item, between spaces: each of its words at the best place where it has it.

    Takes a Media row as code or a migration knows it.
    """
    tags = [row.name for row in media.tag_rows.all()]
    characters = [row.key for row in media.character_rows.all()]
    text = getattr(media, "text_row", None)
    named = "\n".join([media.title, *tags, *characters, media.scene_key])
    described = f"{media.description}\n{words_in_filename(media.filename)}\n{media.filename}"
    texts = (named, described, text.text if text else "")
    return _joined(media.project_id, zip(PLACES, texts, strict=True))


def lexeme(project_id: int, place: str, word: str) -> str:
    """A word at a place. With the project in front, neither what a search costs nor what it finds depends on others."""
    return f"{project_id}{place}.{word}"


def _joined(project_id: int, places: Iterable[tuple[str, str]]) -> str:
    found: dict[str, str] = {}
    size = 0
    for place, text in places:
        for word in stored_words(text):
            if word not in found:
                found[word] = lexeme(project_id, place, word)
                size += len(found[word].encode()) + 1
                if size > MOST_BYTES:
                    return " ".join(found.values())
    return " ".join(found.values())


def _runs(text: str) -> Iterator[str]:
    for match in _RUN.finditer(_folded(text)):
        yield match.group()


def _folded(text: str) -> str:
    taken_apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", taken_apart)).casefold().translate(_PLAIN)


def _pairs(run: str) -> Iterator[str]:
    for first, second in pairwise(run):
        yield first + second
