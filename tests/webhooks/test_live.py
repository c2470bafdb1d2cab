"""A sender that is killed in the middle of a delivery: the event comes again, under the same id."""

from tests.e2e.test_workflow import first_project

from .conftest import PROJECT_QUERY
from .receiver import receiving

CREATE = """mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) {
  webhook { id } secret errors { message } } }"""
RENAME = """mutation ($id: ID!, $title: String!) { updateProject(input: {id: $id, title: $title}) {
  errors { message } } }"""
# The lease is taken over soon after the start.
PACE = {"WEBHOOK_TIMEOUT_SECONDS": "3", "WEBHOOK_LEASE_SECONDS": "3.5", "SWEEP_SECONDS": "0.5"}


def test_what_a_killed_sender_had_in_its_hands_is_sent_again(embedded):
    with receiving() as receiver:
        server = embedded(**PACE)
        client = server.sign_in("producer")
        given = {"name": "Outside", "url": receiver.url, "query": PROJECT_QUERY}
        secret = client.run(CREATE, input=given)["createWebhook"]["secret"]
        receiver.answers = [receiver.hold]
        client.run(RENAME, id=first_project(client), title="The First Tide")
        lost = receiver.arrived.get(timeout=20)
        # when
        server.kill()
        server.start()
        # then
        again = receiver.arrived.get(timeout=20)
        assert again.id == lost.id
        assert again.verified_by(secret)["data"]["projectEvents"]["project"]["title"] == "The First Tide"
        client.run(RENAME, id=first_project(client), title="The Second Tide")
        following = receiver.arrived.get(timeout=20)
        assert following.verified_by(secret)["data"]["projectEvents"]["project"]["title"] == "The Second Tide"
        assert receiver.got() == []
