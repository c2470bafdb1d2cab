"""Addresses of files; mounted at the root of the site."""

from django.urls import path

from . import views

urlpatterns = [
    path("uploads/<str:token>", views.upload, name="media-upload"),
    path("media/signed/<str:token>", views.media_signed, name="media-signed"),
    path("media/<str:media_id>/file", views.media_file, name="media-file"),
    path("media/<str:media_id>/thumbnail", views.media_thumbnail, name="media-thumbnail"),
    path("files/<path:path>", views.storage_file, name="media-storage"),
]
