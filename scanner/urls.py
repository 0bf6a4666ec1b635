"""The addresses of scanning."""

from django.urls import path

from scanner import views

urlpatterns = [
    path("scan", views.scan_page, name="scan"),
    path("scan/aside", views.aside, name="scan_aside"),
    path("depots/<str:depot_id>/scans", views.scans_at, name="scans_at"),
]
