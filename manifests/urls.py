"""The addresses of manifests."""

from django.urls import path

from manifests import counter_pages, load_views, views

urlpatterns = [
    path("walk-in", counter_pages.weigh, name="walk_in_weigh"),
    path("walk-ins/<str:walk_in_id>", counter_pages.walk_in, name="walk_in"),
    path("walk-ins/<str:walk_in_id>/confirm", counter_pages.confirm, name="walk_in_confirm"),
    path("walk-ins/<str:walk_in_id>/decline", counter_pages.decline, name="walk_in_decline"),
    path("manifests", views.manifest_list, name="manifest_list"),
    path("manifests/new", views.new_manifest, name="new_manifest"),
    path("manifests/<str:number>", views.manifest_page, name="manifest"),
    path("manifests/<str:number>/<str:verb>", views.act, name="manifest_verb"),
    path("depots/<str:depot_id>/expected", views.expected, name="expected_at"),
    path("depots/<str:depot_id>/next-load", load_views.proposed, name="next_load"),
]
