"""Tables of the page and of the model card, written between markers.

<!-- nano-report: figures -->
| check | English | ...
<!-- nano-report: end -->
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy.report import ALL, CHECKS, Check

from .drawing import LANGUAGES
from .thresholds import Row, Thresholds, outcome

Figures = Mapping[str, Mapping[str, float]]


def figures_table(figures: Figures) -> str:
    """Every check that was measured, languages across; what misses its must is marked."""
    languages = [name for name in LANGUAGES if any(name in row for row in figures.values())]
    names = [LANGUAGES[name] for name in languages]
    lines = [_row(["check", *names, "must", "good"]), _row(["---", *["---:"] * (len(names) + 2)])]
    for check in CHECKS:
        values = figures.get(check.key)
        if values:
            cells = [_cell(check, name, values.get(name, values.get(ALL))) for name in languages]
            lines.append(_row([check.title, *cells, _must(check, values), _limit(check)]))
    return "\n".join(lines)


def int8_table(whole: Figures, small: Figures) -> str:
    """What 8 bits cost: the figures of both, and their difference."""
    lines = [_row(["check", "language", "fp16", "int8", "difference"]), "|---|---|---:|---:|---:|"]
    for check in CHECKS:
        for name, value in whole.get(check.key, {}).items():
            other = small.get(check.key, {}).get(name)
            if other is not None and check.key != "size_mb":
                language = LANGUAGES.get(name, "all")
                shown = [f"{value:.3f}", f"{other:.3f}", f"{other - value:+.3f}"]
                lines.append(_row([check.title, language, *shown]))
    return "\n".join(lines)


def gates_table(gates: Mapping[str, Sequence[Row]], chosen: Thresholds) -> str:
    """What is acted on at each threshold."""
    head = ["", "commands, right", "commands, wrong", "other sentences", "noise"]
    lines = [_row(head), _row(["---", *["---:"] * 4])]
    for name, rows in gates.items():
        if name == "noise":
            continue
        for title, sure, heard in (
            ("no threshold", 0.0, 0.0),
            (f"not declined (≥ {chosen.decline:.2f})", chosen.decline, chosen.transcript),
            (f"done unasked (≥ {chosen.ask:.2f})", chosen.ask, chosen.transcript),
        ):
            found = outcome(rows, gates["noise"], sure, heard)
            shares = (found.right, found.wrong, found.other, found.noise)
            cells = [f"{100 * share:.1f} %" for share in shares]
            lines.append(_row([f"{LANGUAGES[name]}, {title}", *cells]))
    setting = (
        f"`min_transcript_confidence` {chosen.transcript:.2f}, `min_intent_probability` "
        f"{chosen.decline:.2f}, `confirm_probability` {chosen.ask:.2f}."
    )
    return "\n".join([f"Chosen from these figures: {setting}", "", *lines])


def recordings_table(rows: Sequence[Sequence[object]]) -> str:
    """What was read in recordings of people, and what would have been done."""
    lines = [_row(["recording", "s", "read", "done", "confidence"]), "|---|---:|---|---|---:|"]
    for name, seconds, read, _, done, sure in rows:
        lines.append(_row([f"`{name}`", f"{seconds:.1f}", str(read), str(done), f"{sure:.2f}"]))
    return "\n".join(lines)


def put(path: Path, name: str, text: str) -> None:
    """Replace what stands between a page's markers.

    Raises:
        ValueError: the page has no such markers.
    """
    page = path.read_text(encoding="utf-8")
    pattern = rf"(<!-- nano-report: {name} -->\n).*?(<!-- nano-report: end -->)"
    new, n = re.subn(pattern, lambda found: f"{found[1]}{text}\n{found[2]}", page, flags=re.S)
    if n != 1:
        raise ValueError(f"{path} has {n} places for the table {name!r}; there must be one")
    path.write_text(new, encoding="utf-8")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cell(check: Check, language: str, value: float | None) -> str:
    if value is None:
        return "–"
    missed = check.mark(language, value) == "MISSED"
    text = f"{value:g}" if float(value).is_integer() else f"{value:.3f}"
    return f"**{text}**" if missed else text


def _must(check: Check, values: Mapping[str, float]) -> str:
    musts = [check.must_in(name) for name in values]
    shown = " / ".join("–" if must is None else f"{must:g}" for must in dict.fromkeys(musts))
    return "–" if set(musts) == {None} else f"{check.sense} {shown}"


def _limit(check: Check) -> str:
    return "–" if check.good is None else f"{check.sense} {check.good:g}"
