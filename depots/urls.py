"""The addresses of depots."""

from django.urls import path, re_path

from depots import count_views, sign_pages, views

urlpatterns = [
    path("depots", views.depot_list, name="depot_list"),
    path("depots/<str:depot_id>", views.board, name="depot_board"),
    path("depots/<str:depot_id>/plan", views.plan, name="depot_plan"),
    path("depots/<str:depot_id>/plan/remove", views.remove, name="depot_plan_remove"),
    path("depots/<str:depot_id>/signs", sign_pages.signs, name="depot_signs"),
    path("depots/<str:depot_id>/counts", count_views.counts_page, name="depot_counts"),
    path("depots/<str:depot_id>/counts/<str:count_id>", count_views.count_page, name="depot_count"),
    path("depots/<str:depot_id>/counts/<str:count_id>/close", count_views.close, name="close_count"),
    path("depots/<str:depot_id>/counts/<str:count_id>/drop", count_views.drop, name="drop_count"),
    path("depots/<str:depot_id>/counts/<str:count_id>/lines/<str:line_id>/settle", count_views.settle, name="settle"),
    re_path(r"^[bB]/(?P<bay_id>[^/]+)$", sign_pages.bay, name="bay_sign"),
]
