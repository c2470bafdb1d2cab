"""Offers of choices: at most four, and then the manual override, always last."""

from collections.abc import Sequence
from dataclasses import asdict

from django.db.models import Exists, OuterRef, QuerySet

from ai.graph import MOST_CHOICES, Graph
from content.workflow.cards import MANUAL_OVERRIDE, Card

from .models import Choice, Message, Session


def allowed_cards(cards: Sequence[Card], step: str, graph: Graph) -> tuple[list[Card], list[str]]:
    """Of the cards that a model proposed, those whose effect the step allows; and a note for each other one."""
    allowed, notes = [], []
    here = graph.step(step)
    for card in cards:
        if card.leads_to and not graph.allows(step, card.leads_to):
            notes.append(f"The choice '{card.title}' leads to '{card.leads_to}', which '{step}' does not allow.")
        elif card.submits and card.submits not in here.task_types:
            notes.append(f"The choice '{card.title}' starts '{card.submits}', which '{step}' does not allow.")
        else:
            allowed.append(card)
    return allowed, notes


def offer(session: Session, cards: Sequence[Card], message: Message | None = None) -> list[Choice]:
    """Replace the session's offer by at most four cards and the override; answers the new choices.

    The caller holds the session's row lock.
    """
    _next(session)
    suggested = [card for card in cards if not card.is_manual_override][:MOST_CHOICES]
    rows = [
        Choice(session=session, offer=session.offer, position=position, message=message, **asdict(card))
        for position, card in enumerate([*suggested, MANUAL_OVERRIDE])
    ]
    return Choice.objects.bulk_create(rows)


def offer_again(session: Session) -> bool:
    """Let the offer in force at the end of the active path be the present one, with the ids that it had.

    It is that of the path's last message that had one, or else the session's first one. False where that is the
    present one already. The caller holds the session's row lock.
    """
    number = _in_force(session)
    if number is None or number == session.offer:
        return False
    session.offer = number
    session.save(update_fields=["offer", "updated_at"])
    return True


def _in_force(session: Session) -> int | None:
    has_choices = Exists(Choice.objects.filter(message=OuterRef("pk")))
    last = Message.objects.filter(has_choices, session=session, on_active_path=True).order_by("-seq").first()
    made = Choice.objects.filter(session=session, message=last).order_by("-offer")
    return made.values_list("offer", flat=True).first()


def withdraw(session: Session) -> None:
    """Offer nothing: a completed session has no next step to choose."""
    _next(session)


def _next(session: Session) -> None:
    session.last_offer += 1
    session.offer = session.last_offer
    session.save(update_fields=["offer", "last_offer", "updated_at"])


def present(session: Session) -> QuerySet[Choice]:
    """The session's present offer, in its order."""
    return Choice.objects.filter(session=session, offer=session.offer).order_by("position")
