"""Offers of choices: at most four, and then the manual override, always last."""

from collections.abc import Sequence
from dataclasses import asdict

from django.db.models import QuerySet

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
    session.offer += 1
    suggested = [card for card in cards if not card.is_manual_override][:MOST_CHOICES]
    rows = [
        Choice(session=session, offer=session.offer, position=position, message=message, **asdict(card))
        for position, card in enumerate([*suggested, MANUAL_OVERRIDE])
    ]
    session.save(update_fields=["offer", "updated_at"])
    return Choice.objects.bulk_create(rows)


def withdraw(session: Session) -> None:
    """Offer nothing: a completed session has no next step to choose."""
    session.offer += 1
    session.save(update_fields=["offer", "updated_at"])


def present(session: Session) -> QuerySet[Choice]:
    """The session's present offer, in its order."""
    return Choice.objects.filter(session=session, offer=session.offer).order_by("position")
