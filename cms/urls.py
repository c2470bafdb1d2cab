"""The three doors and the files."""

from django.urls import include, path
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.admin.auth import require_admin_access
from wagtail.admin.urls import reports as wagtailadmin_reports_urls
from wagtail.documents import urls as wagtaildocs_urls
from wagtail.utils.urlpatterns import decorate_urlpatterns

from cms.accounts.admin_views import AccountView, admins_only, sign_in

from . import pages
from .views import graphql_view, healthz

# Wagtail shows its reports to everyone in the admin, whatever rows they name.
decorate_urlpatterns(wagtailadmin_reports_urls.urlpatterns, admins_only)

handler400 = "cms.views.bad_request"
urlpatterns = [
    path("", pages.home, name="home"),
    path("healthz", healthz, name="healthz"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("graphql/", graphql_view, name="graphql"),
    # Without the slash too: no redirect keeps the body of a POST.
    path("graphql", graphql_view),
    path("projects/", pages.projects, name="projects"),
    path("projects/<str:project_id>/chat/", pages.project_chat, name="project_chat"),
    path("sessions/<str:session_id>/", pages.session, name="session"),
    path("accounts/", include("allauth.urls")),
    # Ahead of Wagtail's own views of the same names.
    path("admin/login/", sign_in),
    path("admin/account/", require_admin_access(AccountView.as_view())),
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("", include("content.media.urls")),
    path("", include("conversation.urls")),
]
