"""The labels' addresses."""

from django.urls import path

from labels import views

urlpatterns = [path("labels", views.labels)]
