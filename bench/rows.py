"""Rows like those of a studio that has worked, for a database that is measured."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from wagtail.models import Collection

from cms.accounts.choices import SubscriptionTier, UserRole
from cms.accounts.models import User
from cms.accounts.tokens import issue_token
from cms.api.ids import global_id
from content.media.choices import MediaKind, MediaType
from content.media.models import CustomImage, Media
from content.projects.choices import Genre, MembershipRole
from content.projects.models import Membership, Project, StyleReference
from content.workflow.models import WorkflowStep
from conversation.choices import MessageRole, TurnStatus
from conversation.models import Choice, Message, MessageAttachment, Session, Turn

PEOPLE = 200
COLLABORATORS = 3
STYLE_REFERENCES = 2
MESSAGES = 20
# So many projects, sessions and so on are asked for in turn.
ASKED_FOR = 50
BATCH = 2_000

SAID = (
    "The lighthouse keeper's daughter should find the missing hour by accident, not because she is told. "
    "What if the clock in the hall strikes thirteen, and only she hears it?"
)
ANSWERED = (
    "That gives us a first image and a rule. **The rule:** the thirteenth stroke is heard only by those who "
    "have lost somebody to the sea.\n\n- Episode 1 ends on the stroke, without an explanation.\n- Episode 2 "
    "shows her father pretending not to hear it.\n- The audience learns the rule in episode 3, before she does.\n\n"
    "I suggest that we settle the father's secret next, because every later reveal hangs on it."
)
CARDS = ("Develop the story", "Build the characters", "Define the look", "Something else")


class Seed:
    """Rows of one database, the same for the same numbers."""

    def __init__(self, projects: int, sessions: int) -> None:
        self.count, self.empty_sessions = projects, sessions
        self.random = random.Random(20_26)
        self.now = timezone.now()
        self.steps = list(WorkflowStep.objects.order_by("order"))

    def write(self) -> dict[str, Any]:
        """Write everything, and answer the ids and the token that the bench asks with."""
        people = self._people()
        projects = self._projects(people)
        self._style_references(projects)
        sessions = self._sessions(projects)
        self._conversations(sessions)
        empty = self._empty_sessions(projects)
        step = max(1, len(projects) // ASKED_FOR)
        return {
            "token": issue_token(people[0])[0],
            "projects": [global_id("Project", row.pk) for row in projects[::step][:ASKED_FOR]],
            "sessions": [global_id("Session", row.pk) for row in sessions[::step][:ASKED_FOR]],
            "empty_sessions": [global_id("Session", row.pk) for row in empty],
        }

    def _at(self, index: int) -> datetime:
        return self.now - timedelta(minutes=index)

    def _people(self) -> list[User]:
        return User.objects.bulk_create(
            User(
                email=f"{'mira' if index == 0 else f'person-{index}'}@bench.example",
                name="Mira Member" if index == 0 else f"Person {index}",
                role=UserRole.PRODUCER if index % 3 == 0 else UserRole.USER,
                tier=SubscriptionTier.ENTERPRISE,
                password="!",
            )
            for index in range(PEOPLE + 1)
        )

    def _projects(self, people: Sequence[User]) -> list[Project]:
        mira, others = people[0], people[1:]
        genres = Genre.values
        projects = Project.objects.bulk_create(
            (
                Project(
                    title=f"The Tide Clock, part {index}",
                    description=f"On an island where the sea keeps time, one hour a day is missing. {SAID}",
                    genre=genres[index % len(genres)],
                    episode_count=8,
                    created_by=mira if index % 3 else self.random.choice(others),
                    updated_at=self._at(index),
                )
                for index in range(self.count)
            ),
            batch_size=BATCH,
        )
        Membership.objects.bulk_create(
            (
                Membership(project=project, user=user, role=role, project_updated_at=project.updated_at)
                for project in projects
                for user, role in self._members(project, mira, others)
            ),
            batch_size=BATCH,
        )
        return projects

    def _members(self, project: Project, mira: User, others: Sequence[User]) -> Iterator[tuple[User, MembershipRole]]:
        yield project.created_by, MembershipRole.OWNER
        invited = [mira] if project.created_by_id != mira.pk else []
        candidates = self.random.sample(others, COLLABORATORS + 1)
        invited += [user for user in candidates if user.pk != project.created_by_id]
        for user in invited[:COLLABORATORS]:
            yield user, MembershipRole.COLLABORATOR

    def _style_references(self, projects: Sequence[Project]) -> None:
        collection = Collection.get_first_root_node()
        owners = [project for project in projects for _ in range(STYLE_REFERENCES)]
        images = CustomImage.all_objects.bulk_create(
            (
                CustomImage(
                    title="Harbour at dusk",
                    file=f"images/bench-{index}/harbour.png",
                    width=1_600,
                    height=900,
                    file_size=2_400_000,
                    collection=collection,
                )
                for index in range(len(owners))
            ),
            batch_size=BATCH,
        )
        media = Media.objects.bulk_create(
            (
                Media(
                    project=project,
                    image=image,
                    kind=MediaKind.IMAGE,
                    media_type=MediaType.STYLE_REFERENCE,
                    title="Harbour at dusk",
                    filename="harbour.png",
                    mime_type="image/png",
                    file_size=2_400_000,
                    sha256="0" * 64,
                    width=1_600,
                    height=900,
                    description="The palette: slate, brass, one lamp.",
                )
                for project, image in zip(owners, images, strict=True)
            ),
            batch_size=BATCH,
        )
        self.media_of: dict[int, list[Media]] = {}
        for row in media:
            self.media_of.setdefault(row.project_id, []).append(row)
        StyleReference.objects.bulk_create(
            (
                StyleReference(project=project, media=row, position=position)
                for project in projects
                for position, row in enumerate(self.media_of[project.pk])
            ),
            batch_size=BATCH,
        )

    def _sessions(self, projects: Sequence[Project]) -> list[Session]:
        mira = projects[1].created_by
        return Session.objects.bulk_create(
            (
                Session(
                    project=project,
                    user=mira,
                    title="Session 1",
                    current_step=self.steps[1],
                    offer=MESSAGES // 2,
                    last_offer=MESSAGES // 2,
                    last_message_seq=MESSAGES,
                )
                for project in projects
            ),
            batch_size=BATCH,
        )

    def _conversations(self, sessions: Sequence[Session]) -> None:
        """20 messages each: what was said and answered in turn; a file with every fifth thing said."""
        for start in range(0, len(sessions), 200):
            some = sessions[start : start + 200]
            said = Message.objects.bulk_create(
                Message(session=session, seq=seq, role=MessageRole.USER, author=session.user, content=SAID)
                for session in some
                for seq in range(1, MESSAGES, 2)
            )
            turns = Turn.objects.bulk_create(
                Turn(
                    session=message.session,
                    message=message,
                    status=TurnStatus.COMPLETED,
                    attempts=1,
                    text=ANSWERED,
                    model="rehearsal",
                    input_tokens=900,
                    output_tokens=120,
                    started_at=self.now,
                    finished_at=self.now,
                )
                for message in said
            )
            replies = Message.objects.bulk_create(
                Message(
                    session=turn.session,
                    seq=turn.message.seq + 1,
                    parent=turn.message,
                    role=MessageRole.ASSISTANT,
                    content=ANSWERED,
                    turn=turn,
                )
                for turn in turns
            )
            MessageAttachment.objects.bulk_create(
                MessageAttachment(message=message, media=self.media_of[message.session.project_id][0], position=0)
                for message in said
                if message.seq % 10 == 1
            )
            self._choices(replies)
        self._link()

    def _choices(self, replies: Sequence[Message]) -> None:
        Choice.objects.bulk_create(
            (
                Choice(
                    session=reply.session,
                    message=reply,
                    offer=reply.seq // 2,
                    position=position,
                    slug=f"card_{position}",
                    title=title,
                    description="What it leads to, in a sentence that tells somebody what will be done.",
                    icon="✨",
                    is_recommended=position == 0,
                    is_manual_override=position == len(CARDS) - 1,
                )
                for reply in replies
                for position, title in enumerate(CARDS)
            ),
            batch_size=BATCH,
        )

    def _link(self) -> None:
        """Every message follows the one before it, and the last is its session's active leaf."""
        before = Message.objects.filter(session=OuterRef("session"), seq=OuterRef("seq") - 1).values("pk")[:1]
        Message.objects.filter(parent=None, seq__gt=1).update(parent_id=Subquery(before))
        last = Message.objects.filter(session=OuterRef("pk"), seq=OuterRef("last_message_seq")).values("pk")[:1]
        Session.objects.filter(last_message_seq=MESSAGES).update(active_leaf_id=Subquery(last))

    def _empty_sessions(self, projects: Sequence[Project]) -> list[Session]:
        mira = projects[1].created_by
        return Session.objects.bulk_create(
            (
                Session(
                    project=projects[index % len(projects)],
                    user=mira,
                    title="Session 2",
                    current_step=self.steps[0],
                )
                for index in range(self.empty_sessions)
            ),
            batch_size=BATCH,
        )
