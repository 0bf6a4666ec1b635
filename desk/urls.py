"""The desk's addresses."""

from django.urls import path, re_path

from desk.views import account, alerts, containers, district, door, home, log, regroup

urlpatterns = [
    path("", home.home),
    path("sign-in", door.sign_in),
    path("sign-out", door.sign_out),
    path("act-as", door.act_as),
    path("act-as/menu", door.act_as_menu),
    path("account/pin", account.pin),
    path("district/rules", district.rules),
    path("district/rules/<str:what>", district.set_rule),
    path("log", log.log),
    path("log/search", log.search),
    path("log/<str:code>", log.logged),
    path("containers", containers.containers),
    path("containers/hand-over", containers.hand_over),
    path("containers/choose/<str:what>", regroup.choose),
    path("containers/merge", regroup.merge_page),
    path("containers/extend", regroup.extend_page),
    path("containers/regrouped", regroup.regrouped),
    path("containers/<str:code>", containers.container),
    path("containers/<str:code>/store", containers.store),
    path("containers/<str:code>/void", containers.void_container),
    path("containers/<str:code>/split", regroup.split_page),
    path("containers/<str:code>/repack", regroup.repack_page),
    path("containers/<str:code>/family", regroup.family),
    path("containers/<str:code>/reactions", regroup.reactions_page),
    re_path(r"^[wW]/(?P<code>[^/]+)$", containers.label),
    path("alerts", alerts.alerts),
    path("alerts/bell", alerts.bell),
    path("alerts/toast", alerts.toast),
    path("alerts/<int:alert_id>/acknowledge", alerts.acknowledge_alert),
]
