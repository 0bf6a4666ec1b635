"""Every address of the site; each app has its own part."""

from django.urls import include, path
from django.views.i18n import set_language

from wastetrack.api import api
from wastetrack.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("api/v1/", api.urls),
    path("language", set_language, name="set_language"),
    path("", include("desk.urls")),
    path("", include("labels.urls")),
    path("", include("depots.urls")),
    path("", include("manifests.urls")),
    path("", include("scanner.urls")),
    path("", include("compliance.urls")),
]

handler400 = "wastetrack.pages.bad_request"
handler403 = "wastetrack.pages.not_permitted"
handler404 = "wastetrack.pages.not_found"
handler500 = "wastetrack.pages.fault"
