"""tools/walk_demo.py: it sees a broken demo."""

import os

import pytest

from tools import walk_demo
from tools.walk_demo import Fault, Page, SignIn

PAGE = """
<form action="/language"><input type="text" name="next" value="/"></form>
<form action="/enter">
<input type="hidden" name="csrf" value="x"><input name="who"><input type="password" name="word">
</form>
"""


def test_signs_in_by_the_form_that_asks_for_a_password():
    form = SignIn(PAGE)
    assert (form.action, form.username, form.fields) == ("/enter", "who", {"csrf": "x", "who": "", "word": "demo"})


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (500, "退出", "answers 500"),
        (200, "登录", "not signed in"),
        (200, "退出 {% icon %}", "'{%'"),
        (200, "退出 Traceback", "'Traceback'"),
    ],
)
def test_a_home_page_with_a_fault_is_named(status, text, fault):
    with pytest.raises(Fault, match=f"firm: .*{fault}"):
        walk_demo.look_at(Page(status, "http://127.0.0.1/", text), "firm")


def test_a_demo_that_does_not_start_is_told_with_its_last_words(tmp_path):
    (tmp_path / "Makefile").write_text("demo:\n\t@echo no such drum; exit 3\n")
    with pytest.raises(Fault, match=r"(?s)make demo ended with 2.*no such drum"):
        walk_demo.visit(tmp_path, walk_demo.free_port(), limit=20)


def test_nothing_of_a_demo_is_left_running(tmp_path):
    (tmp_path / "Makefile").write_text("demo:\n\t@echo $$$$ > pid; exec sleep 60\n")
    with pytest.raises(Fault, match="not ready after 1 s"):
        walk_demo.visit(tmp_path, walk_demo.free_port(), limit=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_settings_of_this_site_do_not_reach_the_demo(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere")
    (tmp_path / "Makefile").write_text("demo:\n\t@echo said=$$DATABASE_URL; exit 1\n")
    with pytest.raises(Fault, match=r"said=$|said=\n"):
        walk_demo.visit(tmp_path, walk_demo.free_port(), limit=20)
