"""Finding media: by words, by meaning, by likeness; and what keeps the vectors up to date."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from PIL import Image

from ai.embeddings.local import LocalModel
from content.media import embedding, fulltext, search, vectors
from content.media.models import (
    CustomDocument,
    Media,
    MediaCharacter,
    MediaEmbedding,
    MediaTag,
    MediaText,
    ProcessingJob,
)
from content.projects.models import Project, ProjectEvent
from content.projects.services import create_project
from tests.ai.jina_server import JinaServer, Reply, jina_server

from .conftest import Api, gid

FIND = """query($project: ID!, $text: String, $like: ID, $limit: Int) {
  findMedia(projectId: $project, text: $text, similarTo: $like, limit: $limit) { score media { title } } }"""
STATE = "query($project: ID!) { mediaSearch(projectId: $project) { model dimensions seesPictures embedded total } }"

Make = Callable[..., Media]


@pytest.fixture(autouse=True)
def _fresh(settings) -> None:
    settings.JINA_API_KEY = ""
    vectors.forget()
    search._kept_query_vector.cache_clear()


@pytest.fixture
def make(project) -> Make:
    """`make("Roof", tags=["night"], text="…")`: a media item of the project without bytes, found by its words."""

    def make(title: str, *, tags=(), characters=(), text="", **values) -> Media:
        holder = CustomDocument.all_objects.bulk_create([CustomDocument(title=title, file="none/none.txt")])[0]
        row = Media.objects.create(**{
            "project": project, "document": holder, "kind": "document", "media_type": "script_document",
            "title": title, "filename": "file.txt", "mime_type": "text/plain", "file_size": 10, **values,
        })  # fmt: skip
        MediaTag.objects.bulk_create(MediaTag(media=row, name=name) for name in tags)
        MediaCharacter.objects.bulk_create(MediaCharacter(media=row, key=key) for key in characters)
        if text:
            MediaText.objects.create(media=row, text=text)
        fulltext.index_words([row.pk])
        return row

    return make


@pytest.fixture
def elsewhere(owner) -> Project:
    """Another project of the same owner."""
    return create_project(user=owner.user, title="Elsewhere", genre="drama")


@pytest.fixture
def jina(settings) -> Iterator[JinaServer]:
    """The service in place of the local model."""
    with jina_server() as server:
        settings.JINA_API_KEY, settings.JINA_BASE_URL = "good", server.url
        yield server


def found(api: Api, project: Project, **variables) -> list[str]:
    return [match["media"]["title"] for match in matches(api, project, **variables)]


def matches(api: Api, project: Project, **variables) -> list[dict]:
    return api.data(FIND, project=gid(project), **variables)["findMedia"]


def edit(media: Media, **values) -> None:
    """As the services do it."""
    Media.objects.filter(pk=media.pk).update(**values, embedding_model="")
    fulltext.index_words([media.pk])


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


# --- which model, and when ---------------------------------------------------------------------------------------


def test_which_model_is_in_use_is_said(owner, stranger, anonymous, project, make):
    make("Roof")
    make("Old", status="archived")
    state = owner.data(STATE, project=gid(project))["mediaSearch"]
    assert state == {"model": LocalModel.name, "dimensions": 384, "seesPictures": False, "embedded": 0, "total": 1}
    embedding.sweep()
    assert owner.data(STATE, project=gid(project))["mediaSearch"]["embedded"] == 1
    assert stranger.ask(STATE, project=gid(project))["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert anonymous.ask(STATE, project=gid(project))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_embedding_is_no_edit(owner, project, make):
    media = make("Roof")
    before = Media.objects.values("revision", "updated_at").get()
    events = ProjectEvent.objects.count()
    embedding.sweep()
    assert Media.objects.values("revision", "updated_at").get() == before
    assert ProjectEvent.objects.count() == events
    row = MediaEmbedding.objects.get(media=media)
    assert (row.project, row.part, row.model, row.dimensions) == (project, "text", LocalModel.name, 384)
    assert np.linalg.norm(np.frombuffer(row.vector, "<f2").astype(float)) == pytest.approx(1, abs=1e-2)


def test_an_edit_is_embedded_anew_and_the_old_meaning_is_gone(owner, project, make):
    media = make("Picture", description="A woman waits on the roof.")
    embedding.sweep()
    assert found(owner, project, text="lady on a rooftop") == ["Picture"]
    edit(media, description="Two fishing boats in the fog.")
    embedding.sweep()
    assert found(owner, project, text="lady on a rooftop") == []
    assert found(owner, project, text="ships in mist") == ["Picture"]
    assert MediaEmbedding.objects.count() == 1


def test_an_edit_during_the_embedding_is_not_lost(owner, project, make, monkeypatch):
    media = make("Picture", description="A woman waits on the roof.")
    embed_passages = LocalModel.embed_passages

    def slowly(self, texts):
        monkeypatch.setattr(LocalModel, "embed_passages", embed_passages)
        edit(media, description="Two fishing boats in the fog.")
        return embed_passages(self, texts)

    monkeypatch.setattr(LocalModel, "embed_passages", slowly)
    embedding.embed(media.pk)
    assert Media.objects.get().embedding_model == ""
    assert not MediaEmbedding.objects.exists()
    embedding.sweep()
    assert found(owner, project, text="ships in mist") == ["Picture"]


def test_what_is_deleted_during_the_embedding_stays_deleted(project, make, monkeypatch):
    media = make("Picture")
    embed_passages = LocalModel.embed_passages

    def slowly(self, texts):
        media.delete()
        return embed_passages(self, texts)

    monkeypatch.setattr(LocalModel, "embed_passages", slowly)
    embedding.embed(media.pk)
    assert not MediaEmbedding.objects.exists()


def test_another_model_embeds_everything_anew_and_vectors_never_mix(owner, project, make, settings):
    make("Mara", description="A woman waits on the roof.")
    embedding.sweep()
    assert found(owner, project, text="lady on a rooftop") == ["Mara"]
    with jina_server() as server:
        settings.JINA_API_KEY, settings.JINA_BASE_URL = "good", server.url
        assert found(owner, project, text="roof waits") == ["Mara"]
        assert not server.asked, "there is nothing yet with which a vector could be compared"
        assert embedding.sweep() == 1
        assert found(owner, project, text="woman waits on roof") == ["Mara"]
        assert [body["task"] for body in server.asked] == ["retrieval.passage", "retrieval.query"]
    row = MediaEmbedding.objects.get()
    assert (row.model, row.dimensions) == ("jina-embeddings-v4:1024", 1024)
    assert Media.objects.get().embedding_model == "jina-embeddings-v4:1024"


def test_pictures_are_embedded_where_the_model_sees_them(owner, project, make, jina):
    for colour in ("red", "blue"):
        file = io.BytesIO()
        Image.new("RGB", (40, 30), colour).save(file, "WEBP")
        path = default_storage.save(f"thumbnails/{colour}.webp", ContentFile(file.getvalue()))
        make(f"IMG {len(path)}", thumbnail=path)
    make("Gone", thumbnail="thumbnails/gone.webp")
    embedding.sweep()
    assert MediaEmbedding.objects.filter(part="picture").count() == 2
    assert found(owner, project, text="red") == ["IMG 19"]
    red = Media.objects.get(title="IMG 19")
    assert gid(red) not in found(owner, project, like=gid(red))


def test_a_service_that_fails_is_left_alone_for_a_while_and_words_still_find(owner, project, make, jina):
    make("Roof")
    jina.plan = [Reply(429, headers={"Retry-After": "70"})]
    embedding.sweep()
    assert Media.objects.get().embedding_model == ""
    assert embedding.sweep() == 0
    assert found(owner, project, text="roof") == ["Roof"]
    assert len(jina.asked) == 1
    embedding.shared.clear()
    assert embedding.sweep() == 1
    assert Media.objects.get().embedding_model == "jina-embeddings-v4:1024"


def test_a_query_that_cannot_be_embedded_is_searched_by_its_words(owner, project, make, jina):
    make("Roof")
    embedding.sweep()
    jina.plan = [Reply(402, b'{"detail": "Insufficient balance"}')]
    assert found(owner, project, text="roof") == ["Roof"]
    assert found(owner, project, text="roof ") == ["Roof"]
    assert len(jina.asked) == 2


def test_the_same_query_is_asked_of_the_service_once(owner, project, make, jina):
    make("Roof")
    embedding.sweep()
    for text in ("roof garden", " roof  garden ", "roof garden"):
        assert found(owner, project, text=text) == ["Roof"]
    assert [body["task"] for body in jina.asked].count("retrieval.query") == 1


def test_what_the_model_refuses_is_done_without_a_vector_and_the_others_with(owner, project, make, jina):
    for number in range(5):
        make(f"Roof {number}")
    jina.refused = "Roof 3"
    assert embedding.sweep() == 5
    assert sorted(MediaEmbedding.objects.values_list("media__title", flat=True)) == [
        "Roof 0",
        "Roof 1",
        "Roof 2",
        "Roof 4",
    ]
    assert not embedding.due(embedding.model()).exists()


def test_what_is_still_processed_is_embedded_by_that(project, make):
    media = make("Roof", status="processing")
    ProcessingJob.objects.create(media=media)
    assert embedding.sweep() == 0
    embedding.embed(media.pk)
    assert Media.objects.get().embedding_model == LocalModel.name


def test_edits_are_embedded_before_what_another_model_had_read(project, make):
    for number in range(3):
        make(f"Old {number}", embedding_model="another")
    edited = make("New")
    embedding.embed_due(1)
    assert list(MediaEmbedding.objects.values_list("media", flat=True)) == [edited.pk]


def test_a_sweep_without_work_is_one_query_and_two_at_once_do_not_double(project, make, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert embedding.sweep() == 0
    make("Roof")
    embedding.shared.add("embedding-sweep", True)
    assert embedding.sweep() == 0


def test_the_sweep_is_in_the_timetable(settings):
    from cms.celery import app

    names = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert "content.media.tasks.sweep_embeddings" in names
    app.loader.import_default_modules()
    assert "content.media.tasks.sweep_embeddings" in app.tasks


# --- the vectors that a process keeps ----------------------------------------------------------------------------

MODEL = "test:4"


def put(media: Media, *numbers: float, part: str = "text") -> MediaEmbedding:
    """A vector as another process writes it."""
    vector = vectors.stored(np.array(numbers, np.float32) / np.linalg.norm(numbers))
    row = {"project": media.project, "media": media, "part": part, "model": MODEL, "dimensions": 4, "vector": vector}
    return MediaEmbedding.objects.create(**row)


def near(project: Project, *numbers: float, above: float = 0.5, most: int = 10) -> list[int]:
    vector = np.array([numbers], np.float32) / np.linalg.norm(numbers)
    found = vectors.nearest(project_id=project.pk, model=MODEL, vectors=vector, above=above, most=most)
    assert list(found.cosines) == sorted(found.cosines, reverse=True)
    return found.media_ids.tolist()


def test_the_nearest_come_first_and_a_media_item_once(project, make):
    a, b, c = make("a"), make("b"), make("c")
    put(a, 1, 0.5, 0, 0)
    put(a, 1, 0.1, 0, 0, part="picture")
    put(b, 1, 0.2, 0, 0)
    put(c, 0, 0, 0, 1)
    assert near(project, 1, 0, 0, 0) == [a.pk, b.pk]
    assert near(project, 1, 0, 0, 0, most=1) == [a.pk]


def test_what_other_processes_write_and_delete_counts(project, make):
    a, b = make("a"), make("b")
    put(a, 1, 0, 0, 0)
    assert near(project, 1, 0, 0, 0) == [a.pk]
    put(b, 1, 0.1, 0, 0)
    assert near(project, 1, 0, 0, 0) == [a.pk, b.pk]
    MediaEmbedding.objects.filter(media=a).delete()
    put(a, 0, 1, 0, 0)
    assert near(project, 1, 0, 0, 0) == [b.pk]
    assert near(project, 0, 1, 0, 0) == [a.pk]
    b.delete()
    assert near(project, 1, 0, 0, 0) == []


def test_dead_vectors_leave_their_places_to_others(project, make):
    rows = [make(str(number)) for number in range(8)]
    for number, row in enumerate(rows):
        put(row, 1, number / 10, 0, 0)
    assert near(project, 1, 0, 0, 0, most=1) == [rows[0].pk]
    MediaEmbedding.objects.filter(media__in=rows[:3]).delete()
    assert near(project, 1, 0, 0, 0, most=1) == [rows[3].pk]


@pytest.mark.parametrize("are_replaced", [True, False])
def test_however_many_are_dead_the_living_are_found(project, make, are_replaced):
    rows = [make(str(number)) for number in range(40)]
    for number, row in enumerate(rows):
        put(row, 1, number / 25, 0, 0)
    assert near(project, 1, 0, 0, 0, most=1) == [rows[0].pk]
    MediaEmbedding.objects.filter(media__in=rows[:7]).delete()
    for row in rows[:7] if are_replaced else ():
        put(row, 0, 0, 1, 0)
    with CaptureQueriesContext(connection) as captured:
        assert near(project, 1, 0, 0, 0, most=1) == [rows[7].pk]
    assert not are_replaced or len(captured) == 2, "what was replaced is known without asking"


@pytest.mark.parametrize("budget", [0, 64, 10**9])
def test_how_much_is_kept_changes_nothing_that_is_found(project, elsewhere, make, settings, monkeypatch, budget):
    settings.VECTOR_CACHE_BYTES = budget
    monkeypatch.setattr(vectors, "BLOCK", 3)
    rows = [make(str(number)) for number in range(7)]
    other = make("other", project=elsewhere)
    put(other, 1, 0, 0, 0)
    for number, row in enumerate(rows):
        put(row, 1, number / 10, 0, 0)
    for _ in range(2):
        assert near(project, 1, 0, 0, 0) == [row.pk for row in rows]
        assert near(elsewhere, 1, 0, 0, 0) == [other.pk]
    assert sum(shelf.size for shelf in vectors._shelves.values()) <= max(budget, 16)


def test_vectors_of_another_model_or_project_are_not_compared(project, elsewhere, make):
    a, b = make("a"), make("b", project=elsewhere)
    put(a, 1, 0, 0, 0)
    put(b, 1, 0, 0, 0)
    MediaEmbedding.objects.filter(media=a).update(model="another:4")
    assert near(project, 1, 0, 0, 0) == []
    assert near(elsewhere, 1, 0, 0, 0) == [b.pk]
