"""Sources and articles in English. They are kept once, in Chinese; what is added to a source in words is left out."""

import re

_NAMES = {
    "本项目自定": "our own figure",
    "国务院令第408号": "State Council Order No. 408, ",
    "部令第23号": "Order No. 23, ",
    "环办固体函〔2022〕66号": "MEE circular (2022) No. 66",
    "生态环境法典": "Ecological Environment Code",
    "一年限期的条文约束持证经营单位，对产废单位为监管实务口径": "practice of supervision; the law binds permit holders",
    "标签尺寸表": "table of label sizes",
    "附录": "Appendix ",
    "数字识别码部分": "part on the identification code",
    "标签部分": "part on labels",
}
_DIGITS = {digit: n for n, digit in enumerate("一二三四五六七八九", start=1)}
_TENS = {"十": 10, "百": 100, "千": 1000}
_PLACES = {"条": "Article", "款": "paragraph", "对": "pair"}


def number(text: str) -> int:
    """1175 for 一千一百七十五."""
    total = digit = 0
    for sign in text:
        if sign in _TENS:
            total, digit = total + (digit or 1) * _TENS[sign], 0
        else:
            digit = _DIGITS.get(sign, 0)
    return total + digit


def in_english(source: str) -> str:
    """`Order No. 23, Article 18, paragraph 1` for 部令第23号第十八条第一款."""
    text = re.split("[：；（]|的缺省", source)[0]
    for zh, en in _NAMES.items():
        text = text.replace(zh, en)
    text = re.sub(r"\s*第([0-9]+|[零一二三四五六七八九十百千]+)([条款对])", _place, text)
    return re.sub(r",\s*,\s*", ", ", text).strip(" ,")


def _place(found: re.Match[str]) -> str:
    n = found[1] if found[1].isascii() else number(found[1])
    return f", {_PLACES[found[2]]} {n}"
