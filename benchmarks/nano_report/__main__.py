"""`make nano-report`: the pictures and tables of docs/nano.md and of the model card.

make bench-accuracy ARGS="--record benchmarks/nano_report/figures.json"
make bench-accuracy ARGS="--int8 --quick --n 400 --record benchmarks/nano_report/int8.json"
make nano-report                              # draws and writes what those have measured
make nano-report ARGS="--runs runs"           # takes the learning curves from a run folder too
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from . import curves, drawing, tables
from .thresholds import chosen

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE, CARD = ROOT / "docs" / "nano.md", ROOT / "models" / "nano" / "MODEL_CARD.md"
PICTURES = ROOT / "docs" / "img"


def write_figures(data: dict[str, Any], pictures: Path, page: Path, card: Path) -> None:
    """Everything that comes from one run of the accuracy benchmark."""
    table = tables.figures_table(data["figures"])
    tables.put(page, "figures", table)
    tables.put(card, "figures", table)
    drawing.confusion(data, pictures / "nano-confusion.png")
    drawing.bars(data["figures"], pictures / "nano-languages.png")
    if "gates" in data:
        gates = {name: [tuple(row) for row in rows] for name, rows in data["gates"].items()}
        thresholds = chosen(gates)
        drawing.confidence(gates, thresholds, pictures / "nano-confidence.png")
        tables.put(page, "gates", tables.gates_table(gates, thresholds))
    if "recordings" in data:
        tables.put(page, "recordings", tables.recordings_table(data["recordings"]))


def main() -> None:
    """The command line; see above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nano_report")
    parser.add_argument("--figures", type=Path, default=HERE / "figures.json")
    parser.add_argument("--int8", type=Path, default=HERE / "int8.json")
    parser.add_argument("--runs", type=Path, help="run folder whose learning curves are kept")
    options = parser.parse_args()
    if options.runs:
        points = curves.of_runs(options.runs)
        if not points:
            raise SystemExit(f"there are no logs of training stages in {options.runs}")
        curves.write(points)
    drawing.learning(curves.read(), PICTURES / "nano-learning.png")
    if not options.figures.is_file():
        raise SystemExit(
            "no figures are recorded; make bench-accuracy "
            "ARGS='--record benchmarks/nano_report/figures.json'"
        )
    data = json.loads(options.figures.read_text(encoding="utf-8"))
    write_figures(data, PICTURES, PAGE, CARD)
    if options.int8.is_file():
        small = json.loads(options.int8.read_text(encoding="utf-8"))["figures"]
        tables.put(PAGE, "int8", tables.int8_table(data["figures"], small))
    print(f"written: {PAGE.relative_to(ROOT)}, {CARD.relative_to(ROOT)}, docs/img/nano-*.png")


if __name__ == "__main__":
    main()
