"""The table of all cards in docs/verify.md. As a script it writes it: `python tests/verify/card_table.py`."""

from __future__ import annotations

from pathlib import Path

from oneprice.verify import Need, all_cards

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "verify.md"
BEGIN, END = "<!-- cards -->\n", "<!-- end of cards -->\n"
NEEDS = {
    Need.KEY: "key",
    Need.TRADE: "trade",
    Need.FAULTS: "simulated",
    Need.PERPETUAL: "perpetuals",
    Need.SPOT: "spot",
}


def card_table() -> str:
    """A row for each card, under the name of its area."""
    lines: list[str] = []
    area = None
    for card in all_cards():
        if card.area is not area:
            area = card.area
            lines += [
                "",
                f"### {area.value[0].upper()}{area.value[1:]}",
                "",
                "| card | statement | needs |",
                "|---|---|---|",
            ]
        needs = ", ".join(NEEDS[need] for need in Need if need in card.needs)
        lines.append(f"| {card.number} | {card.title} | {needs} |")
    return "\n".join([*lines[1:], "", ""])


def main() -> None:
    """Write it between its marks."""
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}{card_table()}{END}{after}")


if __name__ == "__main__":
    main()
