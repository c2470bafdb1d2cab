"""Tickets and their addresses in the wrong hands, at the wrong time, or without end."""

from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from content.media.models import Media, UnownedFile, Upload
from content.media.tasks import sweep_uploads
from content.media.uploads import MAX_OPEN_TICKETS
from content.projects.services import remove_collaborator

from .attacks import HTML, assert_nothing_is_left, reason
from .conftest import after_commit, gid, png, put
from .test_serving import body
from .test_uploads import room, stored_files

# Tickets


def test_a_size_that_cannot_be_gets_no_ticket(owner, project):
    for size, code in ((-1, "INVALID"), (0, "INVALID"), (2**53, "LIMIT_EXCEEDED")):
        error = reason(owner.create_upload(project, png(), "a.png", "image/png", fileSize=size))
        assert (error["code"], error["field"]) == (code, ["fileSize"])
    query = "mutation($input: CreateUploadInput!) { createUpload(input: $input) { ticket { id } } }"
    values = {"projectId": gid(project), "filename": "a.png", "mimeType": "image/png"}
    for size in (2**53 + 1, 2**63, 10**30, 1.5, "1e9", "-0x1", None):
        answer = owner.ask(query, input={**values, "fileSize": size})
        assert answer["errors"][0]["extensions"]["code"] == "INVALID", size
    assert not Upload.objects.exists()


@pytest.mark.parametrize(("declared", "status", "code"), [(-1, 413, "LIMIT_EXCEEDED"), (1, 400, "INVALID")])
def test_a_file_of_another_size_than_declared_is_refused_and_the_ticket_stays_open(
    owner, project, declared, status, code
):
    size = len(png()) + declared
    ticket = owner.create_upload(project, png(), "a.png", "image/png", fileSize=size)["ticket"]
    answer = put(ticket["url"], png())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert f"{size:,}" in answer.json()["message"]
    assert reason(owner.complete(ticket["id"]))["code"] == "INVALID"
    assert Upload.objects.get().status == "pending"


def test_after_its_time_an_address_takes_nothing_and_what_it_took_is_swept(owner, project):
    # given a ticket that was used, and one that was not
    late, sent = (owner.create_upload(project, png(), "a.png", "image/png")["ticket"] for _ in range(2))
    put(sent["url"], png())
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    # when more is sent to either
    for ticket in (late, sent):
        answer = put(ticket["url"], png())
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        assert "createUpload" in answer.json()["message"]
    assert stored_files() == ["bytes"]
    # then the sweep leaves nothing of it
    sweep_uploads()
    after_commit()
    for ticket in (late, sent):
        assert reason(owner.complete(ticket["id"]))["code"] == "NOT_FOUND"


def test_an_address_works_for_who_holds_it_and_its_ticket_for_its_owner_alone(
    owner, collaborator, stranger, admin, anonymous, project
):
    # given bytes that came from somebody with nothing but the address
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    assert put(ticket["url"], png()).status_code == 200
    # when others complete or cancel it
    for other in (collaborator, stranger, admin):
        assert other.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
        cancelled = other.do("cancelUpload", "CancelUploadInput", "", id=ticket["id"])
        assert cancelled["errors"][0]["code"] == "NOT_FOUND"
    complete = "mutation($id: ID!) { completeUpload(input: {id: $id}) { media { id } errors { code } } }"
    assert anonymous.ask(complete, id=ticket["id"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    # then nothing happened, and its owner can
    assert not Media.objects.exists()
    assert owner.complete(ticket["id"])["errors"] == []


def test_a_ticket_answers_to_its_own_id_alone(owner, project):
    ticket = owner.send(project, png(), "a.png", "image/png")
    for wrong in (gid(project), "", "1", "nonsense", ticket["id"] + "=", ticket["id"].lower(), ticket["url"]):
        assert owner.complete(wrong)["errors"][0]["code"] == "NOT_FOUND", wrong
    assert not Media.objects.exists()


def test_what_was_never_sent_cannot_be_completed(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    error = reason(owner.complete(ticket["id"]))
    assert (error["code"], error["field"]) == ("INVALID", ["id"])


def test_after_completion_neither_the_address_nor_the_ticket_changes_anything(owner, project):
    ticket = owner.send(project, png(colour="red"), "a.png", "image/png")
    media = owner.complete(ticket["id"])["media"]
    answer = put(ticket["url"], png(colour="blue"))
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert owner.complete(ticket["id"])["media"] == media
    assert body(owner.client.get(media["url"])) == png(colour="red")
    assert stored_files() == ["original.png"]
    assert Media.objects.count() == 1


def test_bytes_that_were_checked_cannot_be_changed_by_a_sender_who_is_still_writing(owner, project):
    from content.media.uploads import abort_reception, begin_reception

    # given somebody who began to send something else before the ticket was completed
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    upload = Upload.objects.get()
    late = begin_reception(upload=upload, content_length=None)
    late.write(HTML)
    put(ticket["url"], png())
    # when it is completed while they write on
    media = owner.complete(ticket["id"])["media"]
    late.write(HTML)
    assert body(owner.client.get(media["url"])) == png()
    # then theirs is thrown away
    abort_reception(late)
    assert stored_files() == ["original.png"]


def forged(token: str) -> dict[str, str]:
    key, mac = token.split(":")
    return {
        "truncated": token[:-4],
        "without a signature": f"{key}:",
        "a key alone": key,
        "longer": f"{token}x",
        "another ticket's": f"{int(key) + 1}:{mac}",
        "no number": f"x{token}",
        "signed for another purpose": signing.Signer(salt="content.media.file").sign(key),
        "signed with another key": signing.Signer(key="guessed", salt="content.media.upload").sign(key),
        "a signed list": signing.dumps([int(key)], salt="content.media.upload"),
        "nothing": ":",
        "a path": "..%2f..%2fetc%2fpasswd",
        "NUL": f"{key}%00:{mac}",
    }


def test_a_forged_address_takes_nothing(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    owner.create_upload(project, png(), "b.png", "image/png")
    for how, token in forged(ticket["url"].rpartition("/")[2]).items():
        assert put(f"/uploads/{token}", png()).status_code == 404, how
    assert_nothing_is_left()
    assert put(ticket["url"], png()).status_code == 200


def test_who_was_removed_meanwhile_completes_nothing_and_their_bytes_are_swept(owner, collaborator, project):
    # given a collaborator's bytes
    ticket = collaborator.send(project, png(), "a.png", "image/png")
    remove_collaborator(user=owner.user, project_id=project.pk, user_id=collaborator.user.pk)
    # when they are out
    assert collaborator.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert collaborator.create_upload(project, png(), "a.png", "image/png")["errors"][0]["code"] == "NOT_FOUND"
    assert not Media.objects.exists()
    # then what they sent goes with the ticket's time
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    sweep_uploads()
    after_commit()
    assert_nothing_is_left()


def test_who_was_removed_in_the_middle_of_completing_gets_nothing(owner, collaborator, project, monkeypatch):
    from content.media import uploads

    ticket = collaborator.send(project, png(), "a.png", "image/png")
    adopt = uploads.adopt_file

    def adopt_while_they_are_removed(path, declared):
        remove_collaborator(user=owner.user, project_id=project.pk, user_id=collaborator.user.pk)
        return adopt(path, declared)

    monkeypatch.setattr(uploads, "adopt_file", adopt_while_they_are_removed)
    assert collaborator.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert not Media.objects.exists()
    assert stored_files() == ["bytes"]


def test_a_person_who_is_deleted_leaves_no_bytes(collaborator, project):
    collaborator.send(project, png(), "a.png", "image/png")
    collaborator.user.delete()
    after_commit()
    # A place that a ticket opened is swept a day later, whatever became of its ticket.
    UnownedFile.objects.update(created_at=timezone.now() - timedelta(days=2))
    sweep_uploads()
    after_commit()
    assert_nothing_is_left()


# Room


def test_two_tickets_do_not_share_the_plans_last_room(owner, collaborator, project, settings):
    settings.GIGABYTE = 1
    room(owner.user, 2 * len(png()) - 1)
    first = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    for person in (owner, collaborator):
        error = reason(person.create_upload(project, png(), "b.png", "image/png"))
        assert (error["code"], error["limit"]) == ("LIMIT_EXCEEDED", 2 * len(png()) - 1)
    # What the first one brings is counted once, as a reservation or as a file.
    put(first["url"], png())
    assert owner.create_upload(project, png(), "b.png", "image/png")["errors"][0]["code"] == "LIMIT_EXCEEDED"
    owner.complete(first["id"])
    assert owner.create_upload(project, png(), "b.png", "image/png")["errors"][0]["code"] == "LIMIT_EXCEEDED"
    assert owner.create_upload(project, png()[:-1], "b.png", "image/png")["errors"] == []


def test_bytes_of_an_expired_ticket_take_no_room_that_another_has_got_meanwhile(owner, project, settings):
    settings.GIGABYTE = 1
    room(owner.user, len(png()))
    late = owner.send(project, png(), "a.png", "image/png")
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert owner.upload(project, png(), "b.png", "image/png")["errors"] == []
    assert owner.complete(late["id"])["errors"][0]["code"] == "LIMIT_EXCEEDED"
    assert stored_files() == ["original.png"]
    assert Media.objects.count() == 1


def test_nobody_opens_tickets_without_end(owner, project):
    # given as many open ones as there may be, and others that are none any more
    def tickets(count: int, **values) -> None:
        rows = {
            "project": project, "user": owner.user, "filename": "a.png", "file_size": 1, "mime_type": "image/png",
            "expires_at": timezone.now() + timedelta(hours=1), **values,
        }  # fmt: skip
        Upload.objects.bulk_create(Upload(**rows) for _ in range(count))

    tickets(20, status="completed")
    tickets(20, status="refused")
    tickets(20, expires_at=timezone.now() - timedelta(seconds=1))
    tickets(MAX_OPEN_TICKETS - 1)
    # when the last one and one more are asked for
    last = owner.create_upload(project, png(), "a.png", "image/png")
    assert last["errors"] == []
    error = reason(owner.create_upload(project, png(), "b.png", "image/png"))
    # then the second is refused, until one is completed
    assert (error["code"], error["limit"]) == ("LIMIT_EXCEEDED", MAX_OPEN_TICKETS)
    put(last["ticket"]["url"], png())
    owner.complete(last["ticket"]["id"])
    assert owner.create_upload(project, png(), "b.png", "image/png")["errors"] == []
