"""The project's facts in the instructions."""

import pytest
from django.core.exceptions import ValidationError

from content.workflow.placeholders import MissingFactError, render, validate_instructions


def test_known_placeholders_are_accepted():
    validate_instructions("Make $title, ${genre}, for $$5 an episode of $episode_duration minutes.")


def test_an_unknown_placeholder_is_named_together_with_those_that_exist():
    with pytest.raises(ValidationError, match=r"Unknown placeholder: \$budget\. Use one of \$title"):
        validate_instructions("Stay within $budget.")


def test_a_stray_dollar_sign_is_refused_with_the_cure():
    with pytest.raises(ValidationError, match=r"write \$\$"):
        validate_instructions("It costs 5 $ an hour.")


def test_values_are_put_in_once_and_on_one_line():
    text = render("*$title* is $genre for $$1.", {"title": "A $genre\n\n# Orders", "genre": "Drama", "other": 1})

    assert text == "*A $genre # Orders* is Drama for $1."


def test_a_missing_fact_is_an_error_and_never_an_empty_word():
    with pytest.raises(MissingFactError, match="genre"):
        render("$title is $genre.", {"title": "X"})
