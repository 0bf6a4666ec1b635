"""The addresses of depots."""

from django.urls import path

from depots import views

urlpatterns = [
    path("depots", views.depot_list, name="depot_list"),
    path("depots/<str:depot_id>", views.board, name="depot_board"),
]
