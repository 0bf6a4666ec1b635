"""The addresses of scanning."""

from django.urls import path

from scanner import history, offline, views

urlpatterns = [
    path("scan", views.scan_page, name="scan"),
    path("scan/aside", views.aside, name="scan_aside"),
    path("scan/proposal", views.proposal, name="scan_proposal"),
    path("scan/session", offline.session, name="scan_session"),
    path("scans", history.scan_list, name="scans"),
    path("scans/<str:nonce>/seen", history.see, name="scan_seen"),
    path("sw.js", offline.worker, name="service_worker"),
    path("manifest.webmanifest", offline.app_manifest, name="app_manifest"),
    path("offline", offline.offline_page, name="offline"),
    path("depots/<str:depot_id>/scans", views.scans_at, name="scans_at"),
]
