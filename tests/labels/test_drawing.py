"""The label as it comes out of the printer."""

import logging
from dataclasses import replace
from decimal import Decimal
from itertools import combinations

import pytest

from benchmarks.damage import label
from labels import fonts
from labels.drawing import draw_labels

LONG = label(
    3,
    waste_name="废弃的含油抹布、手套及劳动保护用品（沾染矿物油和切削液），压缩打包",
    hazards=("T", "I", "C", "R"),
    components="十二烷基苯磺酸钠、壬基酚聚氧乙烯醚、三乙醇胺、2-巯基苯并噻唑、" * 6,
    harmful_components="苯、甲苯、1,3-丁二烯、N-甲基吡咯烷酮、C10-13-alkylbenzenesulfonic-acid-and-so-on-without-end",
    precautions="防止泄漏；远离火源、热源；禁止与氧化剂混放；破损时用吸附棉收集。" * 5,
    unit_name="浙江省绍兴市柯桥经济技术开发区滨海工业园区演示精细化工新材料科技（集团）股份有限公司第二分公司",
    contact="欧阳㛃䶮",
    phone="0575-81234567 转 8012",
    remarks="本容器重复使用，曾盛装废乳化液；请勿叠放超过两层。" * 3,
)


def overlapping(characters):
    """Pairs of characters that are printed over each other."""
    return [
        (one, other)
        for (one, a), (other, b) in combinations(characters, 2)
        if min(a[2], b[2]) - max(a[0], b[0]) > 0.05 and min(a[3], b[3]) - max(a[1], b[1]) > 0.05
    ]


@pytest.mark.parametrize(
    ("volume_l", "side"), [(1, 100), (50, 100), (Decimal("50.5"), 150), (200, 150), (450, 150), (451, 200), (1000, 200)]
)
def test_the_volume_decides_the_size(printed, volume_l, side):
    page = printed(draw_labels([label(1, volume_l=volume_l)]))
    assert page.width == pytest.approx(side, abs=0.5)
    assert page.height == pytest.approx(side, abs=0.5)


@pytest.mark.parametrize("volume_l", [20, 200, 1000])
def test_everything_the_standard_asks_for_is_on_it(printed, volume_l):
    data = label(5, volume_l=volume_l, demo=False, remarks="桶盖已换")
    words = "".join(printed(draw_labels([data])).text.split())
    for expected in (
        "危险废物", "废物名称：", "废机油滤芯", "废物类别：", "HW08废矿物油与含矿物油废物", "废物代码：", "900-249-08",
        "废物形态：", "固态", "危险特性", "毒性", "易燃性", "主要成分：", "废矿物油、金属、滤纸", "有害成分：",
        "矿物油、多环芳烃", "注意事项：", "防止泄漏", "数字识别码：", data.code37,
        "产生单位：", "演示印染有限公司", "联系人和联系方式：",
        "张喆13800000000", "产生日期：", "2026-01-06", "废物重量：", "18.5kg", "备注：", "桶盖已换",
        f"{data.short_code[:4]}-{data.short_code[4:]}",
    ):  # fmt: skip
        assert expected in words


@pytest.mark.parametrize("volume_l", [20, 200, 1000])
@pytest.mark.parametrize("data", [label(1), LONG], ids=["usual", "long"])
def test_text_stays_within_the_frame_and_nothing_overlaps(printed, data, volume_l):
    page = printed(draw_labels([replace(data, volume_l=volume_l)]))
    characters = page.characters()
    assert len(characters) > 100
    for _, (left, bottom, right, top) in characters:
        assert min(left, bottom, page.width - right, page.height - top) > 4
    assert overlapping(characters) == []


@pytest.mark.parametrize("count", range(6))
def test_any_number_of_hazards_finds_its_place(printed, count):
    letters = ("T", "I", "C", "R", "In")[:count]
    page = printed(draw_labels([label(1, hazards=letters)]))
    names = ["毒性", "易燃性", "腐蚀性", "反应性", "感染性"][:count]
    assert [name for name in names if name not in page.text] == []
    assert overlapping(page.characters()) == []


@pytest.mark.parametrize(("volume_l", "least_mm"), [(20, 3), (200, 5), (1000, 6)])
@pytest.mark.parametrize("data", [label(1), LONG], ids=["usual", "long"])
def test_characters_have_the_standards_height(printed, data, volume_l, least_mm):
    page = printed(draw_labels([replace(data, volume_l=volume_l)]))
    heights = [top - bottom for c, (_, bottom, _, top) in page.characters() if c in "废物险防"]
    assert len(heights) > 10
    assert min(heights) >= least_mm


def test_long_texts_are_cut_but_codes_are_whole(printed):
    words = "".join(printed(draw_labels([LONG])).text.split())
    assert words.count("…") >= 2
    assert LONG.code37 in words
    assert LONG.waste_code in words
    assert "0575-81234567转8012" in words


def test_a_wide_code_is_whole_beside_long_texts(printed):
    data = replace(LONG, code37="W" * 18 + LONG.code37[18:])
    assert data.code37 in "".join(printed(draw_labels([data])).text.split())


def test_narrow_text_narrows_nothing_else(printed):
    usual = label(3)

    def short_code(data):
        return [box for _, box in printed(draw_labels([data])).characters()[-9:]]

    assert short_code(LONG) == short_code(usual)


@pytest.mark.parametrize(("volume_l", "middle"), [(20, 50), (200, 75), (1000, 100)])
def test_ground_is_orange_and_the_frame_black_with_a_margin(printed, volume_l, middle):
    page = printed(draw_labels([label(1, volume_l=volume_l, hazards=())]))
    assert page.colour(1, middle) == page.colour(2.8, middle) == (255, 150, 0)
    assert page.colour(3.2, middle) == page.colour(3.8, middle) == (0, 0, 0)
    assert page.colour(4.3, middle) == (255, 150, 0)


@pytest.mark.parametrize(
    ("letter", "upper", "lower"),
    [
        ("T", (255, 255, 255), (255, 255, 255)),
        ("I", (255, 0, 0), (255, 0, 0)),
        ("R", (255, 255, 0), (255, 255, 0)),
        ("C", (255, 255, 255), (0, 0, 0)),
    ],
)
def test_a_pictogram_stands_on_its_ground(printed, letter, upper, lower):
    page = printed(draw_labels([label(1, hazards=(letter,))]))
    # Just below the upper corner of the diamond and just above the lower one, where no symbol is.
    assert page.colour(124, 119) == upper
    assert page.colour(124, 86) == lower


def test_infectious_waste_is_named_in_words(printed):
    page = printed(draw_labels([label(1, hazards=("In",))]))
    assert "感染性 In" in page.text
    assert b"hazard-In" not in page.pdf


def test_the_qr_is_one_path(printed):
    assert printed(draw_labels([label(1)])).paths() == 1


def test_the_demo_mark_is_on_demo_labels_alone(printed):
    assert "DEMO" in printed(draw_labels([label(1, demo=True)])).text
    assert "DEMO" not in printed(draw_labels([label(1, demo=False)])).text


def test_an_unweighed_container_leaves_room_to_write(printed):
    assert "_ kg" in printed(draw_labels([label(1, mass_kg=None)])).text


@pytest.mark.parametrize(
    ("mass", "shown"), [("18.5", "18.5 kg"), ("200.000", "200 kg"), ("0.001", "0.001 kg"), ("60000", "60000 kg")]
)
def test_mass_is_shown_without_needless_zeros(printed, mass, shown):
    assert shown in printed(draw_labels([label(1, mass_kg=Decimal(mass))])).text


def test_a_collector_is_named_as_one(printed):
    assert "收集单位" in printed(draw_labels([label(1, unit_kind="collector")])).text


@pytest.mark.parametrize(
    "data", [label(1), label(2, volume_l=20), label(3, volume_l=1000, hazards=("T", "C", "I", "R"))]
)
def test_one_label_is_at_most_40_kb(data):
    assert len(draw_labels([data])) <= 40 * 1024


def test_many_labels_share_what_they_have_in_common():
    labels = [label(number) for number in range(50)]
    pdf = draw_labels(labels)
    assert pdf.count(b"/Subtype /Form") == draw_labels(labels[:1]).count(b"/Subtype /Form")
    assert len(pdf) < 50 * 4_000


def test_the_same_labels_give_the_same_file():
    assert draw_labels([label(1), LONG]) == draw_labels([label(1), LONG])


def test_rare_characters_of_names_are_printed(printed):
    rare = "喆㛃䶮镕堃淼赟囧"
    data = label(1, contact=rare[:4], unit_name=rare[4:])
    assert data.unprintable == ()
    words = printed(draw_labels([data])).text
    assert set(rare) <= set(words)


def test_a_character_that_the_font_lacks_is_seen_and_told(printed, caplog):
    data = label(1, contact="王𠮷", remarks="😀 𠮷")
    assert data.unprintable == ("𠮷", "😀")
    with caplog.at_level(logging.WARNING):
        words = printed(draw_labels([data])).text
    assert f"王{fonts.SUBSTITUTE}" in words
    assert f"{fonts.SUBSTITUTE} {fonts.SUBSTITUTE}" in words
    assert "𠮷" in caplog.text


def test_no_labels_is_no_file():
    with pytest.raises(ValueError, match="no_labels"):
        draw_labels([])


def test_labels_lie_on_a4_sheets(printed):
    labels = [label(number, volume_l=volume) for number, volume in enumerate((20, 20, 20, 20, 200, 20))]
    pdf = draw_labels(labels, "a4")
    pages = [printed(pdf, page) for page in range(2)]
    assert len(pages[0].document) == 2
    assert {(round(page.width), round(page.height)) for page in pages} == {(210, 297)}
    words = "".join("".join(page.text.split()) for page in pages)
    assert [data for data in labels if data.code37 not in words] == []


def test_sheets_have_cut_marks(printed):
    page = printed(draw_labels([label(1)], "a4"))
    assert page.paths() == 1 + 8
    # The upper left corner of the label lies 5 mm from the paper's edges, the mark left of it.
    assert page.colour(2.5, 292) != (255, 255, 255)
    assert page.colour(2.5, 280) == (255, 255, 255)
