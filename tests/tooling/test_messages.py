"""tools/messages.py: no text goes untranslated, none is left over."""

import gettext

import polib
import pytest

from tools import messages
from tools.messages import Text

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'


@pytest.fixture
def project(tmp_path):
    """A project with one page and a Chinese catalogue that says its only text."""
    (tmp_path / "depots/templates").mkdir(parents=True)
    (tmp_path / "depots/templates/board.html").write_text('{% translate "Bay" %}')
    catalogue(tmp_path).parent.mkdir(parents=True)
    catalogue(tmp_path).write_text(HEAD + 'msgid "Bay"\nmsgstr "贮存区"\n')
    return tmp_path


def catalogue(root):
    return root / "locale/zh_Hans/LC_MESSAGES/django.po"


def add_page(root, source):
    (root / "depots/templates/more.html").write_text(source)


def add_translation(root, entry):
    path = catalogue(root)
    path.write_text(path.read_text() + "\n" + entry)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('gettext_lazy("Drum")', Text("Drum")),
        ('_("Two "\n  "lines")', Text("Two lines")),
        ('translation.pgettext("state", "Stored")', Text("Stored", context="state")),
        ('ngettext("%(n)s day", "%(n)s days", n)', Text("%(n)s day", plural="%(n)s days")),
    ],
)
def test_texts_in_python(source, text):
    assert list(messages.in_python(source)) == [text]


@pytest.mark.parametrize("source", ["_(name)", 'gettext(f"{name}")', 'other("Drum")', '_("a" + b)'])
def test_what_is_no_written_text_is_not_gathered(source):
    assert list(messages.in_python(source)) == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('{% translate "Bay" %}', Text("Bay")),
        ('{% translate "Stored" context "state" %}', Text("Stored", context="state")),
        ('{% include "x.html" with title=_("Bay’s \'door\'") %}', Text("Bay’s 'door'")),
        ("{% blocktranslate trimmed %}\n Hello\n {{ name }}\n{% endblocktranslate %}", Text("Hello %(name)s")),
        (
            "{% blocktranslate count n=n %}{{ n }} drum{% plural %}{{ n }} drums{% endblocktranslate %}",
            Text("%(n)s drum", plural="%(n)s drums"),
        ),
    ],
)
def test_texts_in_templates(source, text):
    assert list(messages.in_template(source)) == [text]


def test_complete_catalogue_is_in_order(project):
    assert messages.check(project) == 0


@pytest.mark.parametrize(
    ("page", "entry", "fault"),
    [
        ('{% translate "Drum" %}', "", "missing: 'Drum'"),
        ("", 'msgid "Old"\nmsgstr "旧"\n', "no longer used: 'Old'"),
        ('{% translate "Drum" %}', 'msgid "Drum"\nmsgstr ""\n', "not translated: 'Drum'"),
        ('{% translate "Drum" %}', '#, fuzzy\nmsgid "Drum"\nmsgstr "桶"\n', "not translated: 'Drum'"),
        (
            "{% blocktranslate %}{{ n }} kg{% endblocktranslate %}",
            'msgid "%(n)s kg"\nmsgstr "%(m)s 千克"\n',
            "blanks differ: '%(n)s kg'",
        ),
    ],
)
def test_each_fault_is_named(project, capsys, page, entry, fault):
    add_page(project, page)
    add_translation(project, entry)
    assert messages.check(project) == 1
    assert capsys.readouterr().out.splitlines() == [f"locale/zh_Hans/LC_MESSAGES/django.po: {fault}"]


def test_a_language_without_a_catalogue_is_found_out(project):
    catalogue(project).unlink()
    assert messages.check(project) == 1


def test_update_adds_new_texts_drops_old_ones_and_keeps_translations(project):
    add_page(project, '{% translate "Drum" %}')
    add_translation(project, 'msgid "Old"\nmsgstr "旧"\n')
    messages.update(project)
    assert {entry.msgid: entry.msgstr for entry in polib.pofile(str(catalogue(project)))} == {
        "Bay": "贮存区",
        "Drum": "",
    }


def test_compiled_catalogue_is_what_gettext_reads(project):
    messages.compile_files([str(catalogue(project))])
    with catalogue(project).with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Bay") == "贮存区"
