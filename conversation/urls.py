"""Addresses of exports; mounted at the root of the site."""

from django.urls import path

from . import views

urlpatterns = [
    path("sessions/<str:session_id>/export/<str:format>", views.export_session, name="session-export"),
]
