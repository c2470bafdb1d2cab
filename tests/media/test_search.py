"""Finding media: by words, by meaning, by likeness."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from content.media import embedding, fulltext, search
from content.projects.services import create_project

from .conftest import gid
from .searching import FIND, _fresh, edit, elsewhere, found, make, matches

__all__ = ["_fresh", "elsewhere", "make"]

# --- words -------------------------------------------------------------------------------------------------------


def test_a_word_counts_by_the_place_where_it_is(owner, project, make):
    make("Extracted", text="The lighthouse burns.")
    make("Described", description="The lighthouse from above.")
    make("Tagged", tags=["lighthouse"])
    assert found(owner, project, text="lighthouse") == ["Tagged", "Described", "Extracted"]


def test_who_has_more_of_the_words_comes_first(owner, project, make):
    make("Roof")
    make("Night, roof, Mara")
    make("Roof by night")
    assert found(owner, project, text="mara roof night") == ["Night, roof, Mara", "Roof by night", "Roof"]


@pytest.mark.parametrize("place", ["filename", "scene_key", "description", "title"])
def test_every_field_of_words_is_searched(owner, project, make, place):
    values = {"title": "Nothing", place: "TideClock_v2.txt"}
    title = make(values.pop("title"), **values).title
    assert found(owner, project, text="clock v2") == [title]
    assert found(owner, project, text="tideclock") == [title]


def test_characters_are_searched(owner, project, make):
    make("Nothing", characters=["mara-vidal"])
    assert found(owner, project, text="vidal") == ["Nothing"]


def test_the_last_word_may_be_a_beginning_until_it_is_ended(owner, project, make):
    make("Storyboard of the harbour")
    assert found(owner, project, text="stor") == ["Storyboard of the harbour"]
    assert found(owner, project, text="harbour sto") == ["Storyboard of the harbour"]
    assert found(owner, project, text="stor ") == []
    assert found(owner, project, text="oryboard") == []


def test_a_whole_word_comes_before_one_that_begins_with_it(owner, project, make):
    make("Guard")
    make("Guardian")
    assert found(owner, project, text="guard") == ["Guard", "Guardian"]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Ölgemälde im Straßenlicht", "olgemalde strassenlicht"),
        ("Olgemalde", "ÖLGEMÄLDE"),
        ("El niño en la montaña", "nino montana"),
        ("Œuvre d’Ærø", "oeuvre aero"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("Ночь в Москве", "москве"),
        ("हिन्दी फ़िल्म", "हिन्दी"),
        ("한국어 영화", "한국"),
    ],
)
def test_case_accents_and_width_make_no_difference(owner, project, make, title, text):
    make(title)
    assert found(owner, project, text=text) == [title]


@pytest.mark.parametrize("text", ["海港", "港", "夜晚的海港", "夜", "港的守"])
def test_scripts_without_spaces_are_found_by_any_part(owner, project, make, text):
    make("夜晚的海港的守卫")
    make("Harbour")
    assert found(owner, project, text=text) == ["夜晚的海港的守卫"]


@pytest.mark.parametrize("text", ["Häuser", "casas", "guards"])
def test_no_language_is_stemmed_by_anothers_rules(owner, project, make, text):
    make("Haus casa guard")
    make(text)
    assert found(owner, project, text=text) == [text]


@pytest.mark.parametrize(
    "text",
    ['roof"', '"roof', "roof*", "ro* OR harbour", "NOT roof", "roof NEAR harbour", "title:roof", "roof'", "ro''of",
     "roof:* & harbour", "!roof", "roof | harbour", "(roof", "roof\\", "a.b.c roof", "%roof_", "{lexemes}: roof",
     "^roof", "roof -- x", "+ roof"],
)  # fmt: skip
def test_no_character_of_a_query_is_an_operator(owner, project, make, text):
    make("Roof")
    make("Unrelated")
    titles = found(owner, project, text=text)
    assert titles in (["Roof"], []), titles
    assert "errors" not in owner.ask(FIND, project=gid(project), text=text)


def test_a_word_that_everything_has_does_not_fill_the_list(owner, project, make):
    for number in range(40):
        make(f"Picture {number} of the island", description="From the archive of the show.")
    make("The harbour at the end of the day")
    assert found(owner, project, text="the harbour") == ["The harbour at the end of the day"]


def test_both_words_are_found_though_each_is_in_many_newer_media(owner, project, make, monkeypatch):
    make("night and roof")
    for number in range(4):
        make(f"night {number}")
        make(f"roof {number}")
    monkeypatch.setattr(fulltext, "MOST_OF_A_WORD", 3)
    assert found(owner, project, text="night roof ")[0] == "night and roof"


def test_a_long_text_is_searched_as_far_as_it_is_kept(owner, project, make):
    words = [f"word{number}" for number in range(40_000)]
    make("Long", text=" ".join(words))
    assert found(owner, project, text="word9 ") == ["Long"]
    assert found(owner, project, text="word39999 ") == []


def test_an_edit_is_followed_and_a_deleted_one_is_gone(owner, project, make):
    media = make("Roof")
    edit(media, title="Harbour")
    assert found(owner, project, text="roof") == []
    assert found(owner, project, text="harbour") == ["Harbour"]
    media.delete()
    assert found(owner, project, text="harbour") == []


def test_what_is_rolled_back_is_not_found(owner, project, make):
    media = make("Roof")
    with transaction.atomic():
        edit(media, title="Harbour")
        transaction.set_rollback(True)
    assert found(owner, project, text="harbour") == []
    assert found(owner, project, text="roof") == ["Roof"]


def test_other_projects_and_archived_media_never_appear(owner, stranger, project, elsewhere, make):
    theirs = create_project(user=stranger.user, title="Theirs", genre="drama")
    make("Roof here")
    make("Roof elsewhere", project=elsewhere)
    make("Roof of theirs", project=theirs)
    make("Roof of old", status="archived")
    make("Roof that failed", status="failed")
    make("Roof that is processed", status="processing")
    embedding.sweep()
    assert sorted(found(owner, project, text="roof")) == ["Roof here", "Roof that failed", "Roof that is processed"]
    assert stranger.ask(FIND, project=gid(project), text="roof")["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_archived_ones_leave_their_place_to_others(owner, project, make, monkeypatch):
    monkeypatch.setattr(search, "FIRST_LOOK", 2)
    for number in range(6):
        make(f"Roof {number}")
    for number in range(6):
        make(f"Roof of old {number}", status="archived")
    assert found(owner, project, text="roof ", limit=4) == ["Roof 5", "Roof 4", "Roof 3", "Roof 2"]


def test_how_much_another_project_has_of_a_word_says_nothing(owner, project, elsewhere, make):
    make("Roof and night")
    make("Roof")
    before = matches(owner, project, text="roof night")
    for number in range(5):
        make(f"Night {number}", project=elsewhere)
    assert matches(owner, project, text="roof night") == before


# --- meaning -----------------------------------------------------------------------------------------------------


@pytest.fixture
def island(make) -> None:
    """Some embedded media."""
    make("Mara", description="She waits on the roof for the guards, at night.")
    make("The old harbour", description="Fishing boats in the fog, at dawn.")
    make("Theme 3", description="Slow piano for the funeral.")
    make("Überfall", description="Der Raub im Museum, zweite Folge.")
    embedding.sweep()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("woman on a rooftop", "Mara"),
        ("boats in the mist", "The old harbour"),
        ("sad music", "Theme 3"),
        ("museum theft", "Überfall"),
    ],
)
def test_media_are_found_by_what_they_mean(owner, project, island, text, title):
    assert found(owner, project, text=text)[0] == title


@pytest.mark.parametrize("text", ["tax return form", "basketball", "Zahnarzt", "zz"])
def test_where_nothing_fits_nothing_is_found(owner, project, island, text):
    assert found(owner, project, text=text) == []


def test_scores_are_above_0_up_to_1_and_in_order(owner, project, island):
    scores = [match["score"] for match in matches(owner, project, text="old harbour fishing boats in the fog at dawn")]
    assert all(0 < score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert len(matches(owner, project, text="the", limit=1)) == 1


def test_words_and_meaning_together_come_before_either(owner, project, make):
    make("Rooftop", description="Pigeons.")
    make("Pigeons", description="High above the street, birds sit upon the tiles of the house.")
    make("Pigeons on the roof", description="Birds on the tiles of the house.")
    embedding.sweep()
    assert found(owner, project, text="pigeons on the roof")[0] == "Pigeons on the roof"


def test_likeness_is_of_meaning_and_without_itself(owner, project, make):
    roof = make("Mara", description="A woman waits on the roof at night.")
    make("Lookout", description="Eine Frau nachts auf dem Dach.")
    make("Sums", description="Invoice for three chairs.")
    embedding.sweep()
    assert found(owner, project, like=gid(roof)) == ["Lookout"]


def test_likeness_is_of_words_while_there_is_no_vector(owner, project, make):
    roof = make("Mara waits", tags=["night"], characters=["tiago"])
    make("Harbour", tags=["Night"])
    make("Sums")
    assert found(owner, project, like=gid(roof)) == ["Harbour"]


def test_likeness_to_what_one_may_not_see_is_not_found(owner, stranger, project, make):
    theirs = create_project(user=stranger.user, title="Theirs", genre="drama")
    media = make("Roof", project=theirs)
    answer = owner.ask(FIND, project=gid(project), like=gid(media))
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_search_costs_the_same_queries_for_three_and_for_nine(owner, project, make):
    def queries(**variables) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert found(owner, project, **variables)
        return len(captured)

    first = [make(f"Mara on the roof {number}", tags=["night"]) for number in range(3)]
    embedding.sweep()
    few = [queries(text="mara roof"), queries(text="mara roof"), queries(like=gid(first[0]))]
    for number in range(6):
        make(f"Mara on the roof again {number}", tags=["night"])
    embedding.sweep()
    assert [queries(text="mara roof"), queries(text="mara roof"), queries(like=gid(first[0]))] == few
    assert max(few) <= 16
