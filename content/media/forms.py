"""The admin's forms for the taxonomy of one media item, and of many."""

from typing import Any

from django import forms

from .choices import EDITABLE_STATUSES, MediaStatus, MediaType
from .models import Media

WORDS = forms.TextInput(attrs={"autocomplete": "off"})


def split_words(text: str) -> list[str]:
    """The words of a text with commas between them."""
    return [word.strip() for word in text.split(",") if word.strip()]


class WordsField(forms.CharField):
    """Words with commas between them."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return split_words(super().clean(value))


class MediaForm(forms.ModelForm):
    """What people say about a media item; content.media.services checks it and writes it."""

    tags = WordsField(required=False, widget=WORDS, help_text="Words with commas between them.")
    character_keys = WordsField(
        required=False, label="Characters", widget=WORDS, help_text="The characters that appear in it."
    )
    expected_revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Media
        fields = (
            "title",
            "media_type",
            "status",
            "description",
            "tags",
            "character_keys",
            "episode_number",
            "scene_key",
            "timestamp",
        )
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["tags"] = self.instance.tags
        self.initial["character_keys"] = self.instance.character_keys
        self.initial["expected_revision"] = self.instance.revision
        allowed = EDITABLE_STATUSES | {self.instance.status}
        status = self.fields["status"]
        assert isinstance(status, forms.ChoiceField)
        status.choices = [(value, label) for value, label in MediaStatus.choices if value in allowed]

    def changes(self) -> dict[str, Any]:
        """The fields that differ from what the form was opened with."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name != "expected_revision"}


class ManyForm(forms.Form):
    """What is done to many media; `changes` are those that content.media.bulk takes."""

    def changes(self) -> dict[str, Any]:
        """What to change."""
        return dict(self.cleaned_data)


class AddTagsForm(ManyForm):
    """Tags to give to many media."""

    add_tags = WordsField(label="Tags to add", widget=WORDS, help_text="Words with commas between them.")


class RemoveTagsForm(ManyForm):
    """Tags to take from many media."""

    remove_tags = WordsField(
        label="Tags to remove",
        widget=WORDS,
        help_text="Words with commas between them. Media that do not have them stay as they are.",
    )


class TypeForm(ManyForm):
    """What many media are for."""

    media_type = forms.ChoiceField(label="Type", choices=MediaType.choices)
