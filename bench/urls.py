"""The site's addresses, and the bench's beside them."""

import time

from django.http import HttpRequest, HttpResponse
from django.urls import path

from cms.urls import urlpatterns as site
from conversation.choices import ACTIVE_TURN, TurnStatus
from conversation.models import Turn

from . import plain

# More than are ever under way.
LATEST = 100


def cpu(request: HttpRequest) -> HttpResponse:
    """Seconds of CPU that this process has used, all threads together."""
    return HttpResponse(str(time.process_time()), content_type="text/plain")


def waiting(request: HttpRequest) -> HttpResponse:
    """How many of the latest turns have not ended, and how many have failed."""
    statuses = list(Turn.objects.order_by("-pk").values_list("status", flat=True)[:LATEST])
    active = sum(status in ACTIVE_TURN for status in statuses)
    return HttpResponse(f"{active} {statuses.count(TurnStatus.FAILED)}", content_type="text/plain")


urlpatterns = [
    path("bench/waiting", waiting),
    path("bench/cpu", cpu),
    path("bench/project", plain.project),
    path("bench/projects", plain.projects),
    path("bench/session", plain.session),
    path("bench/send", plain.send),
    *site,
]
