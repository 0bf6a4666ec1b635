"""The addresses of the compliance room."""

from django.urls import path

from compliance import views

urlpatterns = [
    path("filings", views.filings, name="filings"),
    path("filings/<str:filing_id>/withdraw", views.withdraw, name="filing_withdraw"),
]
