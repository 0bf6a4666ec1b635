"""The addresses of manifests."""

from django.urls import path

from manifests import views

urlpatterns = [
    path("manifests", views.manifest_list, name="manifest_list"),
    path("manifests/new", views.new_manifest, name="new_manifest"),
    path("manifests/<str:number>", views.manifest_page, name="manifest"),
    path("manifests/<str:number>/<str:verb>", views.act, name="manifest_verb"),
    path("depots/<str:depot_id>/expected", views.expected, name="expected_at"),
]
