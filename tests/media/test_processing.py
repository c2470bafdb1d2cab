"""What becomes of a file after it was completed: measured, pictured, read; whatever happens to the worker."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from cms.errors import ErrorCode
from content.media import processing
from content.media.models import Media, MediaText, ProcessingJob, UnownedFile
from content.media.services import delete_media
from content.media.tasks import process_media, sweep_processing
from content.projects.models import ProjectEvent
from content.projects.services import archive_project

from . import samples
from .conftest import after_commit, png, process
from .test_uploads import stored_files


def upload(owner, project, content: bytes | None = None, name: str = "a.png", mime: str = "image/png"):
    payload = owner.upload(project, content or png(), name, mime)
    assert payload["errors"] == []
    return payload["media"]


def expire_leases() -> None:
    """As if the runner had been killed a while ago."""
    ProcessingJob.objects.exclude(lease_token="").update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_a_film_gets_its_measures_and_a_poster(owner, project):
    media = upload(owner, project, samples.mp4(), "take.mp4", "video/mp4")
    assert (media["status"], media["progress"], media["thumbnailUrl"]) == ("PROCESSING", 0, None)
    process()
    done = owner.look(media["id"])
    assert (done["status"], done["progress"], done["type"]) == ("ACTIVE", None, "REFERENCE_VIDEO")
    assert (done["technicalData"]["width"], done["technicalData"]["height"]) == (320, 180)
    assert done["technicalData"]["duration"] == pytest.approx(2, abs=0.1)
    assert done["technicalData"]["fps"] == pytest.approx(24)
    poster = owner.client.get(done["thumbnailUrl"])
    assert (poster.status_code, poster["Content-Type"]) == (200, "image/webp")
    assert done["revision"] == media["revision"]


def test_what_ends_between_two_looks_has_not_begun_anew(owner, project):
    media = upload(owner, project)
    ProcessingJob.objects.update(progress=40)
    assert owner.look(media["id"])["progress"] == 40
    # As the second look finds it, where processing has ended since the first.
    ProcessingJob.objects.all().delete()
    assert owner.look(media["id"])["progress"] == 100


def test_a_sound_gets_its_measures_and_a_waveform(owner, project):
    done = owner.media(project, samples.wav(), "voice.wav", "audio/wav")
    assert (done["status"], done["type"]) == ("ACTIVE", "AUDIO_CLIP")
    assert done["technicalData"]["sampleRate"] == 48_000
    assert done["technicalData"]["width"] is None
    assert done["thumbnailUrl"]


def test_a_document_gets_its_words_and_a_picture_of_its_first_page(owner, project):
    done = owner.media(project, samples.pdf("The clock runs backwards"), "script.pdf", "application/pdf")
    assert done["thumbnailUrl"]
    assert "clock runs backwards" in MediaText.objects.get().text
    plain = owner.media(project, samples.fountain(), "pilot.fountain", "")
    assert (plain["mimeType"], plain["thumbnailUrl"]) == ("text/x-fountain", None)
    assert MediaText.objects.filter(text__contains="LISBON DOCKS").exists()


def test_both_ends_of_processing_are_in_the_projects_log(owner, project):
    upload(owner, project)
    process()
    types = ProjectEvent.objects.filter(project=project).values_list("type", flat=True)
    assert list(types).count(ProjectEvent.Type.MEDIA_UPDATED) == 2


def test_a_damaged_film_fails_with_its_reason_and_can_be_processed_again(owner, project):
    # given
    whole = samples.mp4()
    media = upload(owner, project, whole[:400] + bytes(2_000), "torn.mp4", "video/mp4")
    process()
    failed = owner.look(media["id"])
    assert (failed["status"], failed["error"]["code"], failed["progress"]) == ("FAILED", "UNSUPPORTED_MEDIA", None)
    assert failed["error"]["message"]
    # when the file is put right and it is asked for
    with open(default_storage.path(Media.objects.get().file_path), "wb") as file:
        file.write(whole)
    again = owner.do("retryMedia", "RetryMediaInput", "media { status error { code } }", id=media["id"])
    assert again["media"] == {"status": "PROCESSING", "error": None}
    process()
    assert owner.look(media["id"])["status"] == "ACTIVE"
    # then there is nothing to retry any more
    refused = owner.do("retryMedia", "RetryMediaInput", "media { id }", id=media["id"])
    assert refused["errors"][0]["code"] == "CONFLICT"


def test_a_file_that_is_gone_fails_in_words(owner, project):
    media = upload(owner, project)
    default_storage.delete(Media.objects.get().file_path)
    process()
    assert owner.look(media["id"])["error"]["code"] == "UNSUPPORTED_MEDIA"


def test_a_runner_that_died_is_replaced_and_writes_nothing_any_more(owner, project):
    # given one that was killed after it had claimed the job
    media = upload(owner, project)
    dead = processing.claim()
    assert dead is not None
    assert processing.claim() is None
    expire_leases()
    # when another takes over, and the first one wakes up
    process()
    done = owner.look(media["id"])
    assert done["status"] == "ACTIVE"
    files = sorted(stored_files())
    processing.run(dead)
    processing.fail(dead, ErrorCode.INTERNAL, "too late")
    # then what is there is the second one's alone
    assert owner.look(media["id"]) == done
    assert sorted(stored_files()) == files
    assert not ProcessingJob.objects.exists()


def test_a_file_that_kills_its_runners_fails_in_the_end(owner, project, settings):
    media = upload(owner, project)
    for _ in range(settings.MAX_ATTEMPTS):
        assert processing.claim() is not None
        expire_leases()
    process()
    failed = owner.look(media["id"])
    assert (failed["status"], failed["error"]["code"]) == ("FAILED", "TIMED_OUT")
    assert not ProcessingJob.objects.exists()


def test_the_sweep_sends_again_what_nobody_took(owner, project, monkeypatch):
    sent = []
    monkeypatch.setattr(process_media, "delay", lambda: sent.append(True))
    upload(owner, project)
    assert sent == [True]
    sweep_processing()
    assert sent == [True]
    ProcessingJob.objects.update(queued_at=timezone.now() - timedelta(minutes=1))
    sweep_processing()
    assert sent == [True, True]


def test_a_media_item_deleted_while_it_is_processed_leaves_nothing(owner, project):
    upload(owner, project)
    attempt = processing.claim()
    delete_media(user=owner.user, media_id=attempt.media.pk)
    after_commit()
    processing.run(attempt)
    assert stored_files() == []
    assert not Media.objects.exists()


def test_a_project_archived_meanwhile_leaves_nothing_in_processing(owner, project):
    media = upload(owner, project)
    archive_project(user=owner.user, project_id=project.pk)
    process()
    assert owner.look(media["id"])["status"] == "ACTIVE"


def test_generated_media_are_active_at_once_and_get_their_thumbnail_later(owner, project):
    from content.media.services import create_media_from_bytes

    media = create_media_from_bytes(
        project_id=project.pk, user=owner.user, data=png(), mime_type="image/png", filename="panel.png", values={}
    )
    assert (media.status, media.thumbnail) == ("active", "")
    process()
    media.refresh_from_db()
    assert media.thumbnail
    assert not UnownedFile.objects.exists()


def test_processing_again_replaces_the_thumbnail(owner, project):
    media = owner.media(project)
    row = Media.objects.get()
    ProcessingJob.objects.create(media=row)
    process()
    assert Media.objects.get().thumbnail != row.thumbnail
    assert not default_storage.exists(row.thumbnail)
    assert owner.look(media["id"])["status"] == "ACTIVE"


def test_no_measure_that_does_not_fit_the_kind_is_stored(owner, project):
    from django.db import IntegrityError, transaction

    owner.media(project)
    owner.media(project, samples.wav(), "a.wav", "audio/wav")
    for kind, values in (
        ("image", {"sample_rate": 48_000}),
        ("image", {"duration": 1.0}),
        ("image", {"fps": 24.0}),
        ("audio", {"fps": 24.0}),
        ("audio", {"width": 64, "height": 48}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Media.objects.filter(kind=kind).update(**values)
