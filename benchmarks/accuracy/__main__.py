"""`make bench-accuracy`: what nano understands, says and leaves alone, in every language it has.

    make bench-accuracy                                       # what is shipped, everything
    make bench-accuracy ARGS="--quick"                        # understanding alone, in batches
    python -m benchmarks.accuracy --quick --checkpoint runs/multi/joint
    python -m benchmarks.accuracy --weights FOLDER --languages en,cmn --clips RECORDINGS

The main set: reserved voices, held-out phrasings, noise 8-25 dB, reverberation on 40 %.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from training.augment import CLEAN, EVALUATION
from training.grammar.evaluation import eval_turns
from training.languages import language_list
from training.shipped import NANO
from vivavoce.models.dialogue import AudioDelta
from vivavoce.models.nano.model import NanoModel
from vivavoce.streaming.wavfile import WavError

from .batched import batched_score
from .clips import clips
from .conversations import conversations, declining
from .gates import gates
from .loading import measured_model
from .refusal import refusal
from .report import Report
from .understanding import record, spoken_score, streaming_is_exact, written_score

SENTENCES = {
    "en": "timer set for twenty five minutes and the kitchen light is on",
    "cmn": "计时二十五分钟 厨房的灯开了",
    "yue": "計時二十五分鐘 廚房嘅燈開咗",
}
MOST_CONFUSED = 8


def understanding(
    report: Report, model: NanoModel, language: str, n: int, seed: int, streamed: bool
) -> None:
    """The rows about hearing; streamed in 20 ms pieces, or in batches."""
    turns = eval_turns("heldout", n, seed, language)
    pcms = record(turns, "reserved", EVALUATION, seed)
    score = spoken_score if streamed else batched_score
    heard = score(model, turns, pcms)
    report.add("intent", heard.intent_share, language)
    report.add("exact", heard.exact_share, language)
    report.add("wer", heard.wer, language)
    if streamed:
        report.add("reply_language", heard.language_share, language)
        report.add("hearing_rtf", heard.compute_s / heard.audio_s, language)
        report.add("streaming", not streaming_is_exact(model, pcms[:20]), language)
    known = eval_turns("train", max(1, n // 3), seed + 1, language)
    clean = batched_score(model, known, record(known, "train", CLEAN, seed))
    report.add("clean_exact", clean.exact_share, language)
    report.add("clean_wer", clean.wer, language)
    written = written_score(model, turns)
    report.add("written_intent", written.intent_share, language)
    report.add("written_exact", written.exact_share, language)
    report.note_understanding(language, heard)


def speaking(report: Report, model: NanoModel, n: int, seed: int) -> None:
    """The rows about its voices, as shipped."""
    from training.evaluate_speech import speech_report  # pocketsphinx is wanted here alone

    for language in model.languages:
        if language not in model.voice_languages.values():
            continue
        for key, value in speech_report(n, seed, language).items():
            if key.endswith(("_wer", "_cer")):
                report.add(key, value, language)
        report.add("speaking_rtf", _speaking_speed(model, language), language)


def _speaking_speed(model: NanoModel, language: str) -> float:
    began, n_samples = time.thread_time(), 0
    for part in model.speak(SENTENCES[language], model.voice.voice_for(language)):
        assert isinstance(part, AudioDelta)
        n_samples += len(part.pcm)
    return (time.thread_time() - began) / (n_samples / model.output_rate_hz)


def everything(report: Report, model: NanoModel, options: argparse.Namespace) -> None:
    """All rows."""
    for language in model.languages:
        understanding(report, model, language, options.n or 400, options.seed, True)
        conversations(report, model, language, options.n_conversations, options.seed + 2)
        declining(report, model, language, 4 * options.n_conversations, options.seed + 2)
    refusal(report, model, options.minutes, options.seed)
    gates(report, model, options.n or 400, options.minutes / 4, options.seed + 3)
    if options.n_speech and options.weights is None and not options.checkpoint:
        speaking(report, model, options.n_speech, options.seed)
    size = sum(path.stat().st_size for path in NANO.glob("*.safetensors")) / 1e6
    report.add("size_mb", size)


def _some(text: str) -> int:
    """A number of things to measure: of none there is no figure."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {number}")
    return number


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy")
    parser.add_argument("--quick", action="store_true", help="understanding alone, in batches")
    parser.add_argument("--n", type=_some, help="turns a language; default 400, quick 300")
    parser.add_argument(
        "--n-conversations", type=_some, default=60, help="of each kind, a language"
    )
    parser.add_argument("--minutes", type=_some, default=60, help="of noise")
    parser.add_argument(
        "--n-speech", type=int, default=60, help="sentences a voice speaks; 0: none"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", type=Path, help="folder of exported parts, not the shipped")
    parser.add_argument("--checkpoint", type=Path, nargs="+", default=[], help="run folders")
    parser.add_argument(
        "--languages", type=language_list, help="such as en,cmn; default: those of the weights"
    )
    parser.add_argument("--int8", action="store_true", help="weights in 8 bits")
    parser.add_argument("--clips", type=Path, help="a folder of WAV files to hear")
    parser.add_argument("--record", type=Path, help="write the figures into this JSON file")
    return parser.parse_args()


def _model(options: argparse.Namespace) -> NanoModel:
    model = measured_model(options.weights, options.checkpoint, options.languages, options.int8)
    # What is asked back about is not done: here it counts what was understood.
    model.config = replace(model.config, confirm_probability=0.0)
    return model


def main() -> None:
    """The command line; see above."""
    options = _arguments()
    torch.set_num_threads(1)
    report, console, began = Report(), Console(width=120), time.process_time()
    try:
        model = _model(options)
        recordings = clips(report, model, options.clips) if options.clips else None
    except (FileNotFoundError, WavError) as error:
        raise SystemExit(str(error)) from None
    if options.quick:
        for language in model.languages:
            understanding(report, model, language, options.n or 300, options.seed, False)
            declining(report, model, language, (options.n or 300) // 3, options.seed + 2)
    else:
        everything(report, model, options)
    console.print(report.table(), *([recordings] if recordings else []))
    for language, found in report.confusions.items():
        worst = sorted(found.items(), key=lambda item: -item[1])[:MOST_CONFUSED]
        shown = ", ".join(f"{wanted} as {got} {k}" for (wanted, got), k in worst)
        console.print(f"{language}, most confused: {shown}")
    if options.record:
        report.save(options.record)
    missed = f"{report.missed} figures miss their must" if report.missed else "every must is met"
    console.print(f"{missed}; {time.process_time() - began:.0f} s of CPU time")
    raise SystemExit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
