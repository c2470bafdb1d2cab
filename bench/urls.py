"""The site's addresses, and the bench's beside them."""

import time

from django.http import HttpRequest, HttpResponse
from django.urls import path

from cms.urls import urlpatterns as site

from . import plain


def cpu(request: HttpRequest) -> HttpResponse:
    """Seconds of CPU that this process has used, all threads together."""
    return HttpResponse(str(time.process_time()), content_type="text/plain")


urlpatterns = [
    path("bench/cpu", cpu),
    path("bench/project", plain.project),
    path("bench/projects", plain.projects),
    path("bench/session", plain.session),
    path("bench/send", plain.send),
    *site,
]
