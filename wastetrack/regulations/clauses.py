"""The clauses that the software cites, each in the law that was in force on the day. The table is `cn/clauses.toml`.

The sentences are our own words for the reader's orientation; the official text prevails.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from wastetrack.regulations.data import toml
from wastetrack.regulations.english import in_english


@dataclass(frozen=True, slots=True)
class Citation:
    """Which article of which law asks for something, and what it asks in one sentence of ours."""

    law_zh: str
    law_en: str
    article_zh: str
    text_zh: str
    text_en: str
    confidence: str

    @property
    def reference_zh(self) -> str:
        """《固体废物污染环境防治法》第八十一条第三款"""
        return f"《{self.law_zh}》{self.article_zh}"

    @property
    def reference_en(self) -> str:
        """Law on Solid Waste, Article 81, paragraph 3"""
        return f"{self.law_en}, {in_english(self.article_zh)}"


def _in_force(law: dict[str, Any], on: date) -> bool:
    return bool(law["from"] <= on <= law.get("until", date.max))


def _begins(law_and_article: tuple[dict[str, Any], str]) -> date:
    begins: date = law_and_article[0]["from"]
    return begins


def clause_ids() -> list[str]:
    """Every clause id that `cite` knows."""
    return list(toml("clauses.toml")["clauses"])


def cite(clause_id: str, on: date) -> Citation:
    """The clause as it stood on a day, in the law of that day; KeyError for an unknown id.

    A day before the table's earliest law that has the clause gets that law: the laws before it are not in the table.
    LookupError when the last law that had it has ended.
    """
    table = toml("clauses.toml")
    clause = table["clauses"][clause_id]
    laws = sorted(((table["laws"][law], article) for law, article in clause["articles"].items()), key=_begins)
    on = max(on, _begins(laws[0]))
    for law, article in laws:
        if _in_force(law, on):
            return Citation(
                law["zh"], law["en"], article, clause["zh"], clause["en"], max(law["confidence"], clause["confidence"])
            )
    raise LookupError("clause_not_in_force")
