"""tools/vendor.py: the sprite holds what templates name, and nothing else."""

from xml.etree import ElementTree

import pytest

from tools import vendor

ICON = """<svg xmlns="http://www.w3.org/2000/svg" width="24" viewBox="0 0 24 24" fill="none"><path d="M1 2"/></svg>"""


@pytest.fixture
def project(tmp_path):
    """A project with two Tabler icons, one of them filled, and the packages' files."""
    for place in ("outline/truck", "outline/box", "filled/box"):
        path = tmp_path / f"node_modules/@tabler/icons/icons/{place}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ICON)
    for source in vendor.FILES.values():
        path = tmp_path / "node_modules" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("/* licence */ x\n/*# sourceMappingURL=x.map */\n")
    write(tmp_path, "depots/templates/depots/board.html", '{% icon "truck" class="lg" %}')
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def symbols(root):
    sheet = ElementTree.parse(root / "build/vendor/icons.svg").getroot()
    return [symbol.get("id") for symbol in sheet]


def test_symbol_ids_are_the_names_in_templates(project):
    write(project, "scanner/templates/scan.html", "{% icon 'box' %}{% icon 'box-filled' %}")
    vendor.lay_out(project)
    assert symbols(project) == ["box", "box-filled", "truck"]


@pytest.mark.parametrize("code", ['State(icon="box")', '{"icon": "box"}', 'icon("box")'])
def test_icons_named_in_python_are_drawn_too(project, code):
    write(project, "wastetrack/waste/states.py", code)
    vendor.lay_out(project)
    assert symbols(project) == ["box", "truck"]


def test_symbol_keeps_how_it_is_drawn_but_not_its_size(project):
    vendor.lay_out(project)
    (symbol,) = ElementTree.parse(project / "build/vendor/icons.svg").getroot()
    assert (symbol.get("viewBox"), symbol.get("fill"), symbol.get("width")) == ("0 0 24 24", "none", None)


@pytest.mark.parametrize("name", ["no-such-icon", "../outline/box"])
def test_unknown_icon_is_refused_with_the_file_that_names_it(project, name):
    write(project, "labels/templates/label.html", f'{{% icon "{name}" %}}')
    with pytest.raises(vendor.UnknownIcon, match=r"label\.html"):
        vendor.lay_out(project)


def test_no_reference_to_a_source_map_is_left(project):
    vendor.lay_out(project)
    assert (project / "build/vendor/tabler.min.css").read_text() == "/* licence */ x"


def test_unchanged_files_are_left_alone(project):
    vendor.lay_out(project)
    sheet = project / "build/vendor/icons.svg"
    before = sheet.stat().st_mtime_ns
    vendor.lay_out(project)
    assert sheet.stat().st_mtime_ns == before


def test_every_icon_of_the_site_exists():
    icons = vendor.ROOT / "node_modules/@tabler/icons/icons"
    unknown = {name: user for name, user in vendor.icons_named(vendor.ROOT).items() if not vendor.drawing(icons, name)}
    assert unknown == {}
