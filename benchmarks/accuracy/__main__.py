"""`make bench-accuracy`: reserved voices, held-out phrasings, noise 8-25 dB, reverb on 40 %.

Prints one table: figure, what must be reached, what is good.
"""

from __future__ import annotations

import argparse
import time

import torch
from rich.console import Console
from rich.table import Table

from training.augment import CLEAN, EVALUATION
from training.evaluate_speech import speech_report
from training.grammar.evaluation import eval_turns
from training.shipped import NANO
from vivavoce.models.catalog import load
from vivavoce.models.dialogue import AudioDelta, SpeechModel

from .understanding import (
    actions_on_noise,
    record,
    spoken_score,
    streaming_is_exact,
    written_score,
)

HIGHER, LOWER = "≥", "≤"


class Report:
    """The table, row by row; figures that miss their must are marked."""

    def __init__(self) -> None:
        self.table = Table(title="nano, English")
        for column in ("check", "measured", "must", "good", ""):
            self.table.add_column(column)
        self.missed = 0

    def row(self, check: str, value: float, must: float, good: float, sense: str) -> None:
        """One figure; `sense` says on which side of its limits it has to lie."""
        met = value >= must if sense == HIGHER else value <= must
        well = value >= good if sense == HIGHER else value <= good
        self.missed += not met
        mark = "good" if well else "must" if met else "MISSED"
        self.table.add_row(check, f"{value:.3f}", f"{sense} {must}", f"{sense} {good}", mark)


def understanding(report: Report, model: SpeechModel, n: int, seed: int) -> list[str]:
    """The rows about hearing; gives the most frequent confusions."""
    turns = eval_turns("heldout", n, seed)
    clips = record(turns, "reserved", EVALUATION, seed)
    score = spoken_score(model, turns, clips)
    report.row(
        "intent: held-out phrasings, reserved voices, noise", score.intent_share, 0.75, 0.9, HIGHER
    )
    report.row("intent and all slots, same set", score.exact_share, 0.6, 0.8, HIGHER)
    written = written_score(model, turns)
    report.row("intent, same sentences as text", written.intent_share, 0.85, 0.95, HIGHER)
    report.row("intent and all slots as text (no target)", written.exact_share, 0, 0.9, HIGHER)
    known = eval_turns("train", n // 2, seed + 1)
    clean = spoken_score(model, known, record(known, "train", CLEAN, seed))
    report.row(
        "intent and slots: trained phrasings and voices, clean",
        clean.exact_share,
        0.85,
        0.95,
        HIGHER,
    )
    report.row("transcript WER, held-out set (no target)", score.wer, 1.0, 0.2, LOWER)
    report.row("transcript WER, trained and clean (no target)", clean.wer, 1.0, 0.1, LOWER)
    report.row(
        "streaming differs from whole, sets of 20",
        float(not streaming_is_exact(model, clips[:20])),
        0,
        0,
        LOWER,
    )
    report.row("hearing, real-time factor", score.compute_s / score.audio_s, 0.4, 0.25, LOWER)
    return [f"{a} heard as {b}: {k}" for (a, b), k in score.confusions.most_common(10)]


def refusal(report: Report, model: SpeechModel, n: int, seed: int) -> None:
    """Noise, and sentences outside the domain: nothing may be done."""
    report.row(
        "actions in 60 s of noise, tones and silence", actions_on_noise(model, 1.0), 0, 0, LOWER
    )
    turns = [t for t in eval_turns("heldout", 40 * n, seed) if t.intent == "reject"][:n]
    score = spoken_score(model, turns, record(turns, "reserved", EVALUATION, seed))
    report.row(
        "acts on a sentence outside the domain (no target)", 1 - score.intent_share, 1.0, 0.1, LOWER
    )


def speaking(report: Report, model: SpeechModel, n: int, seed: int) -> None:
    """The rows about its voice."""
    figures = speech_report(n, seed)
    report.row(
        "WER of the original recordings (scorer's sanity)",
        figures["original_wer"],
        0.02,
        0.02,
        LOWER,
    )
    report.row("WER after the codec", figures["codec_wer"], 0.06, 0.03, LOWER)
    report.row("WER of its own speech", figures["talker_wer"], 0.2, 0.08, LOWER)
    began, n_samples = time.perf_counter(), 0
    for part in model.speak("timer set for twenty five minutes and the kitchen light is on"):
        assert isinstance(part, AudioDelta)
        n_samples += len(part.pcm)
    speed = (time.perf_counter() - began) / (n_samples / model.output_rate_hz)
    report.row("speaking, real-time factor", speed, 0.4, 0.25, LOWER)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--n", type=int, default=400, help="turns of the main set")
    parser.add_argument("--n-speech", type=int, default=60, help="sentences spoken by nano")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="nano")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, report, console = load(options.model), Report(), Console(width=110)
    confusions = understanding(report, model, options.n, options.seed)
    refusal(report, model, max(20, options.n // 4), options.seed + 2)
    speaking(report, model, options.n_speech, options.seed)
    size = sum(p.stat().st_size for p in NANO.glob("*.safetensors")) / 1e6
    report.row("shipped weights, MB", size, 40, 30, LOWER)
    console.print(report.table)
    console.print("most frequent confusions:", *confusions, sep="\n  ")
    console.print(
        "every must is met" if not report.missed else f"{report.missed} figures miss their must"
    )
    raise SystemExit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
