"""Pictures and tables of the page about nano, from figures that are known."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.nano_report import curves, drawing, tables
from benchmarks.nano_report.__main__ import CARD, PAGE, PICTURES, write_figures
from benchmarks.nano_report.thresholds import Thresholds, chosen, outcome

GATES = {
    # Right ones are surer than wrong ones, and clear transcripts than noise.
    "en": [(0.5 + i / 200, 0.8, "right") for i in range(100)]
    + [(0.30 + i / 100, 0.7, "wrong") for i in range(10)]
    + [(0.1, 0.6, "other"), (0.0, 0.6, "other"), (0.0, 0.9, "declined")],
    "noise": [(0.6, 0.3, "noise"), (0.0, 0.0, "noise")],
}
DATA: dict[str, Any] = {
    "figures": {
        "intent": {"en": 0.93, "yue": 0.5},
        "wer": {"en": 0.1},
        "noise_actions": {"all": 0.0},
    },
    "wanted": {"en": {"time": 4, "reject": 2}, "yue": {"time": 1}},
    "confusions": {"en": {"time>reject": 1}, "yue": {}},
    "gates": {name: [list(row) for row in rows] for name, rows in GATES.items()},
    "recordings": [["a.wav", 1.25, "tea | cup", 0.4, "reject", 0.0]],
}


def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    names = ("figures", "gates", "recordings", "int8")
    marks = (f"<!-- nano-report: {n} -->\nold {n}\n<!-- nano-report: end -->" for n in names)
    path.write_text("before\n" + "\n\n".join(marks) + "\nafter\n", encoding="utf-8")
    return path


def test_tables_stand_between_their_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    path, card = page(tmp_path), tmp_path / "card.md"
    card.write_text("<!-- nano-report: figures -->\n<!-- nano-report: end -->\n", encoding="utf-8")
    write_figures(DATA, tmp_path, path, card)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "old figures" not in text and "old int8" in text
    assert "| English | Cantonese |" in text and "| 0.930 | **0.500** |" in text
    assert "tea \\| cup" in text
    assert "| 0.930 | **0.500** |" in card.read_text(encoding="utf-8")
    for name in ("confusion", "languages", "confidence"):
        assert 2000 < (tmp_path / f"nano-{name}.png").stat().st_size < 200_000
    with pytest.raises(ValueError, match="0 places for the table 'gates'"):
        tables.put(card, "gates", "x")


def test_the_page_the_card_and_the_curves_are_ready_for_it() -> None:
    for path, names in ((PAGE, ("figures", "gates", "recordings", "int8")), (CARD, ("figures",))):
        text = path.read_text(encoding="utf-8")
        for name in names:
            assert text.count(f"<!-- nano-report: {name} -->") == 1, (path, name)
    assert {point.stage for point in curves.read()} <= set(curves.STAGES)
    shown = re.findall(r"\(img/(nano-[a-z]+\.png)\)", PAGE.read_text(encoding="utf-8"))
    assert len(shown) == 4
    for name in shown:
        assert (PICTURES / name).stat().st_size < 200_000


def test_thresholds_lose_few_commands_and_ask_about_what_may_be_wrong() -> None:
    found = chosen(GATES)
    assert found == Thresholds(transcript=0.8, decline=0.51, ask=0.51)
    everything = outcome(GATES["en"], GATES["noise"], 0.0)
    assert (everything.right, everything.wrong) == (100 / 111, 10 / 111)
    assert (everything.other, everything.noise) == (0.5, 0.5)
    gated = outcome(GATES["en"], GATES["noise"], found.decline, found.transcript)
    assert gated.right >= 0.98 * everything.right
    assert (gated.wrong, gated.other, gated.noise) == (0, 0, 0)


def test_shares_of_a_confusion_row_add_up() -> None:
    shares = drawing.confusion_shares(DATA, "en", ["reject", "time"])
    assert shares.tolist() == [[1.0, 0.0], [0.25, 0.75]]


def test_what_8_bits_cost_is_a_difference() -> None:
    whole, small = DATA["figures"], {"intent": {"en": 0.92}}
    table = tables.int8_table(whole, small)
    assert "| English | 0.930 | 0.920 | -0.010 |" in table
    assert "Cantonese" not in table


def test_curves_are_thinned_and_kept(tmp_path: Path) -> None:
    (tmp_path / "joint").mkdir()
    rows = [
        {"step": i, "cpu_s": 60.0 * (i % 300), "lr": 0.1, "ctc": 1 / (i + 1)} for i in range(500)
    ]  # a second run began its clock anew
    log = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "joint" / "log.jsonl").write_text(log, encoding="utf-8")
    points = curves.of_runs(tmp_path)
    assert len(points) <= curves.N_POINTS + 1
    assert points[-1] == curves.Point("joint", 299.0 + 199.0, "ctc", 0.002)
    curves.write(points, tmp_path / "curves.csv")
    assert curves.read(tmp_path / "curves.csv") == points
    drawing.learning(points, tmp_path / "learning.png")
    assert (tmp_path / "learning.png").stat().st_size > 2000
    assert curves.of_runs(tmp_path / "nowhere") == []


def test_a_stage_that_has_only_begun_has_no_curve(tmp_path: Path) -> None:
    (tmp_path / "joint").mkdir()
    (tmp_path / "joint" / "log.jsonl").touch()
    assert curves.of_runs(tmp_path) == []
