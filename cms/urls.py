"""The three doors and the files."""

from django.urls import include, path
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from . import pages
from .views import graphql_view, healthz

urlpatterns = [
    path("", pages.home, name="home"),
    path("healthz", healthz, name="healthz"),
    path("graphql/", graphql_view, name="graphql"),
    path("projects/", pages.projects, name="projects"),
    path("projects/<str:project_id>/chat/", pages.project_chat, name="project_chat"),
    path("sessions/<str:session_id>/", pages.session, name="session"),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("", include("content.media.urls")),
]
