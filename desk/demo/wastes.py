"""What the demo's trades throw away: common codes of small firms, with masses and containers as they usually are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from wastetrack.regulations.compatibility import conflict, groups_for

FIRE = "远离火源，防渗防泄漏"
ACID = "防腐蚀，与碱、有机物分开"
DRY = "防雨防潮，包装完好"


@dataclass(frozen=True)
class Waste:
    """A usual waste: its description, kg a container holds, days between two, and which plant treats it how."""

    code: str
    name: str
    form: str
    hazards: str
    container_kind: str
    volume_l: int
    kg: tuple[int, int]
    every_days: int
    plant: str
    method: str
    components: str = ""
    precautions: str = DRY
    groups: str | None = None
    """Its reaction groups where the code does not tell them; empty: it reacts with nothing."""

    @property
    def category(self) -> str:
        return f"HW{self.code[-2:]}"

    @property
    def description(self) -> dict[str, Any]:
        """The fields that a stream and a container of this waste share."""
        return {
            "waste_code": self.code,
            "name": self.name,
            "form": self.form,
            "hazards": self.hazards,
            "container_kind": self.container_kind,
            "volume_l": self.volume_l,
            "components": self.components,
            "precautions": self.precautions,
            "reaction_groups": "none" if self.groups == "" else self.groups,
        }

    @property
    def usual(self) -> dict[str, Any]:
        """The same as a stream keeps it."""
        known = groups_for(self.code) if self.groups is None else self.groups.split()
        assert known is not None, self.name
        return {**self.description, "reaction_groups": " ".join(sorted(known))}


def go_together(wastes: Iterable[Waste]) -> bool:
    """Whether these may ride on one vehicle: no two of them react."""
    groups = [frozenset(waste.usual["reaction_groups"].split()) for waste in wastes]
    return all(conflict(one, other) is None for one, other in combinations(groups, 2))


@dataclass(frozen=True)
class Trade:
    """A kind of firm: its name in firms' names, its industry, its usual wastes."""

    name: str
    industry: str
    wastes: tuple[Waste, ...]


ENGINE_OIL = Waste(
    "900-214-08", "废机油", "L", "T I", "steel_drum", 200, (140, 172), 47, "plant2", "R9", "矿物油、添加剂", FIRE
)
OIL_FILTERS = Waste(
    "900-249-08", "废机油滤芯", "S", "T I", "steel_drum", 200, (38, 76), 66, "plant", "D10", "矿物油、滤纸、铁", FIRE
)
BATTERIES = Waste("900-052-31", "废铅蓄电池", "S", "T C", "box", 100, (35, 90), 94, "plant2", "R4", "铅、硫酸", ACID)
EXHAUST_CATALYST = Waste(
    "900-049-50", "废三元催化器", "S", "T", "box", 50, (8, 24), 188, "plant2", "R8", "铂、钯、铑", groups=""
)
OILY_RAGS = Waste(
    "900-041-49", "含油抹布手套", "S", "T", "bag", 50, (5, 14), 59, "plant", "D10", "棉纱、矿物油", FIRE, groups="6-B"
)
EMPTY_CANS = Waste(
    "900-041-49", "沾染漆料的废桶", "S", "T", "pallet", 1000, (30, 95), 63, "plant", "D10", "铁、残漆", groups="6-B"
)
CUTTING_FLUID = Waste(
    "900-006-09", "废切削液", "L", "T", "plastic_drum", 200, (168, 196), 50, "plant", "D9", "矿物油、水、表面活性剂"
)
GRINDING_SLUDGE = Waste(
    "900-200-08", "研磨油泥", "SS", "T I", "steel_drum", 200, (130, 190), 71, "plant2", "R9", "矿物油、金属屑", FIRE
)
HYDRAULIC_OIL = Waste(
    "900-218-08", "废液压油", "L", "T I", "steel_drum", 200, (150, 172), 78, "plant2", "R9", "矿物油", FIRE
)
GEAR_OIL = Waste(
    "900-217-08", "废齿轮油", "L", "T I", "steel_drum", 200, (150, 174), 86, "plant2", "R9", "矿物油", FIRE
)
WASHING_KEROSENE = Waste(
    "900-201-08", "洗件废煤油", "L", "T I", "steel_drum", 100, (60, 78), 75, "plant2", "R9", "煤油、油污", FIRE
)
MACHINE_OIL = Waste(
    "900-249-08", "设备废矿物油", "L", "T I", "steel_drum", 200, (120, 170), 78, "plant2", "R9", "矿物油", FIRE
)
OLD_DYES = Waste("900-299-12", "过期染料", "S", "T", "box", 50, (15, 38), 71, "plant", "D10", "染料、助剂")
DYE_BAGS = Waste(
    "900-041-49",
    "染化料废包装",
    "S",
    "T",
    "big_bag",
    1000,
    (40, 120),
    47,
    "plant",
    "D10",
    "塑料、残余染料",
    groups="6-B",
)
SPENT_LYE = Waste(
    "900-352-35", "清洗废碱液", "L", "C T", "plastic_drum", 200, (190, 222), 71, "plant", "D9", "氢氧化钠", ACID
)
SPENT_ACID = Waste(
    "900-300-34", "清洗废酸液", "L", "C T", "plastic_drum", 200, (190, 226), 56, "plant", "D9", "盐酸、硫酸", ACID
)
PICKLING_SLUDGE = Waste(
    "336-064-17",
    "酸洗磷化污泥",
    "SS",
    "T",
    "plastic_drum",
    200,
    (180, 236),
    44,
    "plant2",
    "R4",
    "铁、锌、磷酸盐",
    groups="",
)
INK = Waste(
    "900-253-12", "废油墨", "SS", "T I", "steel_drum", 50, (24, 48), 47, "plant", "D10", "颜料、树脂、溶剂", FIRE
)
WASHING_SOLVENT = Waste(
    "900-402-06", "清洗废溶剂", "L", "T I", "steel_drum", 200, (110, 158), 63, "plant", "D10", "酯类、酮类、芳烃", FIRE
)
LAB_SOLVENT = Waste(
    "900-404-06", "实验废有机溶剂", "L", "T I", "jerrycan", 25, (14, 21), 44, "plant", "D10", "乙腈、甲醇", FIRE
)
CARBON = Waste(
    "900-039-49", "废活性炭", "S", "T", "bag", 50, (14, 25), 55, "plant", "D10", "活性炭、有机物", FIRE, groups="6-B"
)
PAINT_SLUDGE = Waste(
    "900-252-12", "漆渣", "SS", "T I", "steel_drum", 200, (80, 164), 50, "plant", "D10", "树脂、颜料", FIRE
)
GLUE = Waste("900-014-13", "废胶粘剂", "SS", "T", "steel_drum", 50, (28, 52), 71, "plant", "D10", "树脂、溶剂", FIRE)
LAB_LIQUID = Waste(
    "900-047-49",
    "实验废液",
    "L",
    "T C",
    "jerrycan",
    25,
    (16, 26),
    38,
    "plant",
    "D9",
    "无机盐、酸、水",
    ACID,
    groups="1-B",
)
REAGENT_BOTTLES = Waste(
    "900-047-49", "沾染试剂瓶", "S", "T", "box", 50, (8, 18), 56, "plant", "D10", "玻璃、残余试剂", groups=""
)
LAMPS = Waste("900-023-29", "废荧光灯管", "S", "T", "box", 50, (5, 12), 141, "plant2", "R4", "玻璃、汞", groups="")

TRADES = (
    Trade("汽修厂", "汽车修理与维护", (ENGINE_OIL, OIL_FILTERS, BATTERIES, OILY_RAGS)),
    Trade("五金厂", "金属制品业", (CUTTING_FLUID, GRINDING_SLUDGE, HYDRAULIC_OIL)),
    Trade("印刷厂", "印刷和记录媒介复制业", (INK, WASHING_SOLVENT, OILY_RAGS, CARBON)),
    Trade("印染厂", "纺织业（染整精加工）", (DYE_BAGS, OLD_DYES, MACHINE_OIL)),
    Trade("家具喷涂厂", "家具制造业", (PAINT_SLUDGE, EMPTY_CANS, CARBON, GLUE)),
    Trade("检测实验室", "检测服务", (LAB_LIQUID, LAB_SOLVENT, REAGENT_BOTTLES)),
    Trade("电子厂", "电子元件及专用材料制造", (WASHING_SOLVENT, GLUE, CARBON, LAMPS)),
    Trade("表面处理厂", "金属表面处理及热处理加工", (PICKLING_SLUDGE, SPENT_ACID, SPENT_LYE)),
    Trade("机械厂", "通用设备制造业", (CUTTING_FLUID, GEAR_OIL, WASHING_KEROSENE, OILY_RAGS)),
    Trade("汽车服务店", "汽车修理与维护", (ENGINE_OIL, OIL_FILTERS, EXHAUST_CATALYST)),
)


@dataclass(frozen=True)
class Area:
    """A bay of a demo depot: its name, the categories that stand there, where it lies on the plan, how warm it is."""

    name: str
    categories: tuple[str, ...]
    row: int
    column: int
    temperature: str = ""


BAYS = {
    "A1": Area("废矿物油与乳化液区", ("HW08", "HW09"), 1, 1),
    "A2": Area("有机溶剂与涂料区", ("HW06", "HW12", "HW13"), 1, 2, "≤ 30 ℃"),
    "B1": Area("酸性废物区", ("HW31", "HW34"), 2, 1),
    "B2": Area("碱性废物区", ("HW35",), 2, 2),
    "C1": Area("含重金属废物区", ("HW17", "HW29", "HW50"), 1, 4),
    "C2": Area("沾染物与其他区", ("HW49",), 2, 4),
    "D1": Area("收货待检区", (), 3, 1),
}
"""The bays of a depot: acids, alkalis and organics never meet, and the last takes what comes."""

BAY_OF = {category: code for code, area in BAYS.items() for category in area.categories}
COLLECTED = " ".join(sorted(BAY_OF))
"""The categories a collection depot takes: all that occur."""


def treated_by(plant: str) -> str:
    """The categories this plant is permitted to treat, as a permit lists them."""
    return " ".join(sorted({w.category for trade in TRADES for w in trade.wastes if w.plant == plant}))
