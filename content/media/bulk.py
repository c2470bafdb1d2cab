"""Changing many media in the same way: one transaction, all of them or none."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, Model
from django.utils import timezone

from cms.accounts.models import User
from cms.api.loading import together
from cms.errors import DomainError, ErrorCode, invalid
from content.projects.events import hint_project
from content.projects.models import Project, ProjectEvent
from content.projects.policy import ProjectAction, ProjectPolicy
from content.projects.services import lock_project, require_unarchived

from .models import Media, MediaCharacter, MediaTag
from .policy import MediaPolicy
from .services import WORDS, require_status_may_change
from .values import check_field
from .words import words_changed

MAX_MEDIA = 500
SET = ("media_type", "status", "episode_number", "scene_key")


@dataclass(frozen=True, slots=True)
class WordList:
    """A list of words of a media item, whose rows are one word each."""

    name: str
    rows: type[Model]
    column: str
    ignores_case: bool

    def key(self, word: str) -> str:
        """What makes two words the same one."""
        return word.casefold() if self.ignores_case else word


TAGS = WordList("tags", MediaTag, "name", ignores_case=True)
CHARACTERS = WordList("character_keys", MediaCharacter, "key", ignores_case=False)


@dataclass(frozen=True, slots=True)
class ManyUpdated:
    """The media as they are now, in the order in which they were named, and the keys of those that changed."""

    media: list[Media]
    changed: frozenset[int]


@dataclass(slots=True)
class _Edit:
    """What one row's change amounts to: the names of its changed fields, words to add and words to drop."""

    media: Media
    fields: set[str] = field(default_factory=set)
    added: dict[str, list[str]] = field(default_factory=dict)
    dropped: dict[str, list[str]] = field(default_factory=dict)


@transaction.atomic
def update_many(*, user: User, media_ids: Sequence[int], changes: Mapping[str, Any]) -> ManyUpdated:
    """Change 1 to 500 media, of one project or of several; a media item that is named twice counts once.

    `changes` may hold `media_type`, `status`, `episode_number` and `scene_key`, which become each one's value (None
    clears the last two), and the lists `add_tags`, `remove_tags`, `add_character_keys` and `remove_character_keys`.
    What a media item has already is no change, and writes nothing.

    Nothing at all is written where one of them cannot be changed. Raises NOT_FOUND, INVALID or CONFLICT (project
    archived, still being processed, processing failed) with the field ("ids", position in `media_ids`) where it is
    about one of them; INVALID for a bad value; LIMIT_EXCEEDED for too many.
    """
    positions = _positions(media_ids)
    projects = _locked_projects(user, positions)
    some_project = next(iter(projects.values()))
    lists = {each: _word_changes(each, changes, some_project) for each in (TAGS, CHARACTERS)}
    values = _checked_values(changes, list(projects.values()))
    edits = []
    for media in _locked_rows(positions):
        with _about(media.title, positions[media.pk]):
            edit = _edit(media, projects[media.project_id], values, lists)
        if edit.fields:
            edits.append(edit)
    edits.sort(key=lambda edit: positions[edit.media.pk])
    if edits:
        _write(edits, values, lists)
        _record(projects, edits)
    rows = Media.objects.in_bulk(list(positions))
    return ManyUpdated(together(rows[pk] for pk in positions), frozenset(edit.media.pk for edit in edits))


def unknown_media(position: int) -> DomainError:
    """The one answer for a media item that is absent and for one that the caller may not see."""
    return DomainError(ErrorCode.NOT_FOUND, "The media item was not found.", field=["ids", str(position)])


def _positions(media_ids: Sequence[int]) -> dict[int, int]:
    """Each key with the place where it is first named."""
    positions: dict[int, int] = {}
    for position, pk in enumerate(media_ids):
        positions.setdefault(pk, position)
    if not positions:
        raise invalid("Name at least one media item.", "ids")
    if len(positions) > MAX_MEDIA:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"At most {MAX_MEDIA} media are changed at once; these are {len(positions):,}. Take fewer of them.",
            field=["ids"],
            limit=MAX_MEDIA,
        )
    return positions


def _locked_projects(user: User, positions: Mapping[int, int]) -> dict[int, Project]:
    """The projects of the media by key, locked in the order of their keys, so that no two callers wait in a ring."""
    found = {media.pk: media for media in MediaPolicy(user).visible().filter(pk__in=positions).only("project", "title")}
    first: dict[int, Media] = {}
    for pk, position in positions.items():
        if pk not in found:
            raise unknown_media(position)
        first.setdefault(found[pk].project_id, found[pk])
    projects = {}
    for project_id, media in sorted(first.items()):
        projects[project_id] = lock_project(project_id)
        try:
            # Membership may have ended while we waited for the lock.
            ProjectPolicy(user).get(ProjectAction.EDIT, project_id)
        except DomainError:
            raise unknown_media(positions[media.pk]) from None
        with _about(media.title, positions[media.pk]):
            require_unarchived(projects[project_id])
    return projects


def _locked_rows(positions: Mapping[int, int]) -> list[Media]:
    rows = Media.objects.select_for_update(of=("self",)).filter(pk__in=positions).order_by("pk")
    found = list(rows.prefetch_related("tag_rows", "character_rows"))
    present = {media.pk for media in found}
    for pk, position in positions.items():
        if pk not in present:
            raise unknown_media(position)
    return found


@contextmanager
def _about(title: str, position: int) -> Iterator[None]:
    """Let a refusal name the one of many that it is about."""
    try:
        yield
    except DomainError as error:
        raise DomainError(
            error.code,
            f"Nothing was changed, because of “{title}”. {error.message}",
            field=["ids", str(position)],
            limit=error.limit,
        ) from None


def _word_changes(words: WordList, changes: Mapping[str, Any], project: Project) -> tuple[list[str], list[str]]:
    """The words to add and to remove, which are the same in any project. Raises INVALID."""
    added, removed = (_checked_words(words, f"{verb}_{words.name}", changes, project) for verb in ("add", "remove"))
    both = {words.key(word) for word in added} & {words.key(word) for word in removed}
    for word in removed:
        if words.key(word) in both:
            raise invalid(f"“{word}” cannot be both added and removed.", f"remove_{words.name}")
    return added, removed


def _checked_words(words: WordList, argument: str, changes: Mapping[str, Any], project: Project) -> list[str]:
    try:
        checked: list[str] = check_field(words.name, changes.get(argument), project)
    except DomainError as error:
        raise invalid(error.message, argument, *(error.field or [])[1:]) from None
    return checked


def _checked_values(changes: Mapping[str, Any], projects: Sequence[Project]) -> dict[str, Any]:
    """The values to set. What they may be can depend on the project, what they are does not. Raises INVALID."""
    values: dict[str, Any] = {}
    for project in projects:
        try:
            values = {name: check_field(name, changes[name], project) for name in SET if name in changes}
        except DomainError as error:
            if len(projects) == 1:
                raise
            raise invalid(f"“{project}”: {error.message}", *(error.field or [])) from None
    return values


def _edit(
    media: Media,
    project: Project,
    values: Mapping[str, Any],
    lists: Mapping[WordList, tuple[list[str], list[str]]],
) -> _Edit:
    edit = _Edit(media, {name for name, value in values.items() if getattr(media, name) != value})
    if "status" in edit.fields:
        require_status_may_change(media, values["status"])
    for words, (added, removed) in lists.items():
        present = getattr(media, words.name)
        keys, gone = {words.key(word) for word in present}, {words.key(word) for word in removed}
        edit.added[words.name] = [word for word in added if words.key(word) not in keys]
        edit.dropped[words.name] = [word for word in present if words.key(word) in gone]
        if edit.added[words.name] or edit.dropped[words.name]:
            edit.fields.add(words.name)
            kept = [word for word in present if words.key(word) not in gone]
            check_field(words.name, [*kept, *edit.added[words.name]], project)
    return edit


def _write(edits: Sequence[_Edit], values: Mapping[str, Any], lists: Mapping[WordList, Any]) -> None:
    pks = [edit.media.pk for edit in edits]
    Media.objects.filter(pk__in=pks).update(**values, revision=F("revision") + 1, updated_at=timezone.now())
    for words in lists:
        rows = words.rows._default_manager
        dropped = {word for edit in edits for word in edit.dropped[words.name]}
        if dropped:
            rows.filter(**{"media__in": pks, f"{words.column}__in": dropped}).delete()
        rows.bulk_create(
            words.rows(media_id=edit.media.pk, **{words.column: word})
            for edit in edits
            for word in edit.added[words.name]
        )
    stale = [edit.media.pk for edit in edits if not WORDS.isdisjoint(edit.fields)]
    if stale:
        words_changed(stale)


def _record(projects: Mapping[int, Project], edits: Sequence[_Edit]) -> None:
    """One entry of its project's log for each changed media item."""
    by_project = defaultdict(list)
    for edit in edits:
        by_project[edit.media.project_id].append(edit.media.pk)
    for project_id, pks in by_project.items():
        row = Project.objects.filter(pk=project_id)
        row.update(last_event_seq=F("last_event_seq") + len(pks))
        last = row.values_list("last_event_seq", flat=True).get()
        projects[project_id].last_event_seq = last
        ProjectEvent.objects.bulk_create(
            ProjectEvent(
                project_id=project_id,
                seq=last - len(pks) + number,
                type=ProjectEvent.Type.MEDIA_UPDATED,
                object_id=pk,
            )
            for number, pk in enumerate(pks, start=1)
        )
        hint_project(project_id)
