"""Long conversations, as rows."""

from django.db import transaction

from conversation.models import Choice, Message, Session
from conversation.sessions import lock_session

WORDS = "The boat leaves the harbour at dawn and nobody waves. "


@transaction.atomic
def long_history(session: Session, messages: int, *, words: int = 6, choice: Choice | None = None) -> list[Message]:
    """Append so many messages to the active path, users' and replies in turn, each of `words` sentences; every tenth
    user's message takes `choice`, where one is given.
    """
    locked = lock_session(session.pk)
    parent = locked.active_leaf_id
    first = locked.last_message_seq + 1
    made = Message.objects.bulk_create(
        Message(
            session=locked,
            seq=first + number,
            step=locked.current_step,
            role="assistant" if number % 2 else "user",
            author=None if number % 2 else locked.user,
            selected_choice=choice if number % 20 == 0 else None,
            content=f"Number {first + number}. {WORDS * words}",
        )
        for number in range(messages)
    )
    for message in made:
        message.parent_id, parent = parent, message.pk
    Message.objects.bulk_update(made, ["parent"], batch_size=500)
    locked.last_message_seq += messages
    locked.active_leaf = made[-1]
    locked.save()
    session.refresh_from_db()
    return made
