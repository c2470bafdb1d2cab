"""Which model embeds media, when, and what becomes of a model that fails."""

import io

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from ai.embeddings.local import LocalModel
from content.media import embedding
from content.media.models import Media, MediaEmbedding, ProcessingJob
from content.projects.models import ProjectEvent
from tests.ai.jina_server import Reply, jina_server

from .conftest import gid
from .searching import _fresh, edit, found, jina, make

__all__ = ["_fresh", "jina", "make"]

STATE = "query($project: ID!) { mediaSearch(projectId: $project) { model dimensions seesPictures embedded total } }"


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
