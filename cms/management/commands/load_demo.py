"""The demo: people of every role and a project to look at."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cms.accounts.choices import SubscriptionTier, UserRole
from cms.accounts.models import User
from cms.accounts.services import EDITORS, save_with_role
from content.projects.choices import AspectRatio, Genre, TargetAudience
from content.projects.models import Project
from content.projects.services import add_collaborator, create_project

PASSWORD = "auto-movie"
PEOPLE = (
    ("admin", "Ada Admin", UserRole.ADMIN, SubscriptionTier.ENTERPRISE),
    ("producer", "Priya Producer", UserRole.PRODUCER, SubscriptionTier.ENTERPRISE),
    ("editor", "Emil Editor", UserRole.USER, SubscriptionTier.FREE),
    ("collaborator", "Cora Collaborator", UserRole.USER, SubscriptionTier.PRO),
    ("user", "Uma User", UserRole.USER, SubscriptionTier.FREE),
    ("stranger", "Stan Stranger", UserRole.USER, SubscriptionTier.FREE),
)


class Command(BaseCommand):
    """Adds what is missing and changes nothing that is there."""

    help = "Load the demo's users and project. Refuses where DEBUG is off: the password is published."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's password is published, so it is loaded only where DEBUG is on.")
        with transaction.atomic():
            people = {name: self._person(name, full_name, role, tier) for name, full_name, role, tier in PEOPLE}
            producer = people["producer"]
            if not Project.objects.filter(created_by=producer).exists():
                self._project(producer)

    def _person(self, name: str, full_name: str, role: UserRole, tier: SubscriptionTier) -> User:
        email = f"{name}@example.com"
        if user := User.objects.filter(email=email).first():
            return user
        user = User(email=email, name=full_name, role=role, tier=tier)
        user.set_password(PASSWORD)
        save_with_role(user)
        if name == "editor":
            user.groups.add(Group.objects.get_or_create(name=EDITORS)[0])
        return user

    def _project(self, producer: User) -> None:
        project = create_project(
            user=producer,
            title="The Tide Clock",
            genre=Genre.SCI_FI,
            description="On an island where the sea keeps time, a lighthouse keeper's daughter finds that one hour a "
            "day is missing, and that someone has been living in it.",
            episode_count=8,
            target_audience=TargetAudience.TEEN,
            aspect_ratio=AspectRatio.CINEMATIC_21_9,
            episode_duration=28,
        )
        add_collaborator(user=producer, project_id=project.pk, email="collaborator@example.com")
