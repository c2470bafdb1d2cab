"""PostgreSQL connections under load: a worker with more turns at once than its pool has connections."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from .compose import SEND, compose_server, new_project, new_session

TURNS, POOL = 40, 10
SECONDS = 90


def backends(connection: psycopg.Connection, name: str) -> Counter[str]:
    """How many connections the process of that name has, by what they are doing."""
    rows = connection.execute(
        "SELECT state FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()", [name]
    )
    return Counter(str(row[0]) for row in rows)


def turns(connection: psycopg.Connection) -> Counter[tuple[str, int]]:
    """How many turns have which status and number of attempts."""
    return Counter(connection.execute("SELECT status, attempts FROM conversation_turn").fetchall())


@pytest.mark.services
@pytest.mark.timeout(300)
def test_more_turns_at_once_than_connections(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Given a worker that runs 40 turns at once on 10 connections, and replies that take some seconds
    folder = tmp_path_factory.mktemp("pool")
    with compose_server(folder, DATABASE_POOL_SIZE=str(POOL), REHEARSAL_WORD_DELAY="0.06") as server:
        server.start_others("--concurrency", str(TURNS))
        client = server.sign_in("admin")
        project = new_project(client)
        sessions = [new_session(client, project) for _ in range(TURNS)]

        def say(session: str) -> None:
            sent = client.run(SEND, input={"sessionId": session, "text": "One hour is missing."})["sendMessage"]
            assert sent["errors"] == []

        with psycopg.connect(server.env["DATABASE_URL"], autocommit=True) as connection:
            for round_ in (1, 2):
                # When somebody speaks in 40 sessions at once
                with ThreadPoolExecutor(8) as people:
                    list(people.map(say, sessions))
                most_running = most_connections = 0
                deadline = time.monotonic() + SECONDS
                while turns(connection)["completed", 1] < round_ * TURNS:
                    assert time.monotonic() < deadline, (turns(connection), server.log.read_text()[-3000:])
                    most_running = max(most_running, turns(connection)["running", 1])
                    most_connections = max(most_connections, backends(connection, "worker").total())
                    time.sleep(0.05)
                # Then all are answered at the first attempt, most of them at the same time, on 10 connections at most
                assert turns(connection) == {("completed", 1): round_ * TURNS}
                assert most_running > 2 * POOL
                assert 0 < most_connections <= POOL
            # And nothing is held: all that is left waits in the pools.
            deadline = time.monotonic() + 10
            while set(backends(connection, "worker") + backends(connection, "web")) - {"idle"}:
                assert time.monotonic() < deadline, backends(connection, "worker")
                time.sleep(0.1)
        assert "PoolTimeout" not in server.log.read_text()
