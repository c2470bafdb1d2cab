"""The site's forms."""

from typing import Any

from django import forms

from cms.accounts.models import User
from cms.errors import DomainError
from content.projects.models import Project
from content.projects.services import DEFAULT_EPISODES, create_project


class ProjectForm(forms.ModelForm):
    """A new series; the plan's limits are checked where it is created."""

    class Meta:
        model = Project
        fields = ["title", "description", "genre", "episode_count", "target_audience"]
        widgets = {
            "title": forms.TextInput(attrs={"placeholder": "Enter project title"}),
            "description": forms.Textarea(attrs={"rows": 3, "placeholder": "Brief description of your series"}),
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        limit = user.limits.max_episodes_per_project
        self.fields["episode_count"].initial = min(DEFAULT_EPISODES, limit)
        self.fields["episode_count"].help_text = f"1 to {limit} on the {user.get_tier_display()} plan."

    def create(self) -> Project | None:
        """The new project, or None with the refusal shown at its field."""
        try:
            return create_project(user=self.user, **self.cleaned_data)
        except DomainError as error:
            field = error.field[0] if error.field and error.field[0] in self.fields else None
            self.add_error(field, error.message)
            return None
