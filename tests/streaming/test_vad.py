from __future__ import annotations

import builtins
import importlib.util
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import at_level, cut, human, noise, silence, spoken, vowel
from vivavoce.streaming import vad, webrtc_memory
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.vad import VadUnavailable, WebrtcVad, make_vad

HAVE_SILERO = vad.silero_available()
KINDS = ["webrtc", "silero"] if HAVE_SILERO else ["webrtc"]
needs_silero = pytest.mark.skipif(not HAVE_SILERO, reason="the extra [silero] is not installed")
every_kind = pytest.mark.parametrize("kind", KINDS)

SIZES = st.lists(st.integers(0, 1500), min_size=1, max_size=8).filter(any)
SPEECH = np.concatenate([silence(0.3), human()[8000:24_000], silence(0.3)]) + noise(1.6, -65)


@every_kind
@settings(max_examples=20, deadline=None)
@given(sizes=SIZES)
def test_answers_do_not_depend_on_how_the_sound_was_cut(kind, sizes):
    whole, pieces = make_vad(kind), make_vad(kind)
    expected = whole.feed(SPEECH)
    assert [v for piece in cut(SPEECH, sizes) for v in pieces.feed(piece)] == expected
    assert pieces.position == whole.position == expected[-1].end
    assert len(SPEECH) - pieces.position < pieces.frame_samples


@every_kind
@settings(max_examples=15, deadline=None)
@given(at=st.integers(0, len(SPEECH)), meanwhile=st.integers(0, 8000))
def test_a_restored_detector_answers_as_if_it_had_never_left(kind, at, meanwhile):
    detector = make_vad(kind)
    detector.feed(SPEECH[:at])
    state = detector.snapshot()
    expected = detector.feed(SPEECH[at:])
    detector.feed(noise(meanwhile / 16_000, -10))
    detector.restore(state)
    assert detector.feed(SPEECH[at:]) == expected
    other = make_vad(kind)
    other.restore(state)
    assert other.feed(SPEECH[at:]) == expected


@every_kind
def test_a_reset_detector_is_as_new(kind):
    detector = make_vad(kind)
    expected = detector.feed(SPEECH)
    detector.feed(noise(1.0, -10)[:7777])
    detector.reset()
    assert detector.position == 0
    assert detector.feed(SPEECH) == expected


@every_kind
def test_frames_follow_one_another_without_gaps(kind):
    detector = make_vad(kind)
    voicings = detector.feed(SPEECH)
    edges = [(v.start, v.end) for v in voicings]
    n = detector.frame_samples
    assert edges == [(i * n, (i + 1) * n) for i in range(len(edges))]
    assert all(0 <= v.probability <= 1 for v in voicings)


@every_kind
def test_full_scale_and_wild_sounds_are_survived(kind):
    detector = make_vad(kind)
    detector.feed(np.full(1600, 5.0, np.float32))
    detector.feed(np.full(1600, -5.0, np.float32))
    assert all(v.probability < 0.5 for v in detector.feed(silence(2.0))[-10:])


def test_a_state_goes_into_its_own_kind_only():
    state = make_vad("webrtc").snapshot()
    with pytest.raises(ValueError, match="silero state cannot go into a webrtc"):
        make_vad("webrtc").restore(vad.VadState("silero", 0, state.waiting, None))


def test_the_memory_of_webrtc_is_checked_before_it_is_copied():
    detector = make_vad("webrtc")
    with pytest.raises(ValueError, match="736 bytes"):
        webrtc_memory.write(detector._detector, b"short")
    memory = webrtc_memory.read(detector._detector)
    webrtc_memory.write(detector._detector, memory[:-4] + b"\0\0\0\0")
    with pytest.raises(RuntimeError, match="layout"):
        webrtc_memory.read(detector._detector)


def test_unknown_choices_are_refused():
    with pytest.raises(ValueError, match="auto, webrtc or silero"):
        make_vad("loudness")
    with pytest.raises(ValueError, match="0, 1, 2 or 3"):
        WebrtcVad(aggressiveness=4)


# --- missing packages ------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch):
    """Makes packages look as if they were not installed."""
    real_spec, real_import = importlib.util.find_spec, builtins.__import__

    def hide(*names: str) -> None:
        def spec(name, *rest):
            return None if name in names else real_spec(name, *rest)

        def load(name, *rest, **named):
            if name in names:
                raise ImportError(f"No module named {name!r}")
            return real_import(name, *rest, **named)

        monkeypatch.setattr(importlib.util, "find_spec", spec)
        monkeypatch.setattr(builtins, "__import__", load)
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)
        vad._silero_network.cache_clear()

    yield hide
    vad._silero_network.cache_clear()


@pytest.mark.parametrize("missing", ["silero_vad", "onnxruntime"])
def test_without_silero_the_message_says_what_to_install(without, missing):
    without(missing)
    with pytest.raises(VadUnavailable, match=r"pip install 'vivavoce\[silero\]'.*webrtc"):
        make_vad("silero")
    assert make_vad("auto").kind == "webrtc"


def test_without_webrtc_the_message_says_what_to_install(without):
    without("webrtcvad")
    with pytest.raises(VadUnavailable, match="webrtcvad-wheels"):
        make_vad("webrtc")


@needs_silero
def test_auto_prefers_silero_and_imports_neither_its_package_nor_torch():
    program = (
        "import sys; from vivavoce.streaming.vad import make_vad; assert "
        "make_vad('auto').kind == 'silero'; "
        "assert not {'torch', 'silero_vad'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@needs_silero
@pytest.mark.skipif(
    not HAVE_SILERO or not version("silero-vad").startswith("6.2."),
    reason="the reference was made with silero-vad 6.2",
)
def test_silero_answers_as_its_own_package_does():
    """Probabilities around onset and end, from silero_vad's own ONNX wrapper, version 6.2.3.

    Without the 64 samples of context some differ by 0.03.
    """
    answers = [v.probability for v in make_vad("silero").feed(human())]
    onset, end = [0.051, 0.262, 0.483, 0.905, 0.999], [0.975, 0.852, 0.400, 0.107, 0.033]
    np.testing.assert_allclose(answers[13:18], onset, atol=0.002)
    np.testing.assert_allclose(answers[90:95], end, atol=0.002)


# --- how well they hear (the figures of the front-end study) ---------------------------------


def clips(kind: str) -> list[Pcm]:
    """What is spoken: a human thrice, or synthetic voices where they are installed."""
    if kind == "human":
        return [human()] * 3
    texts = ("turn on the light in the kitchen please", "what time is it now")
    return [clip for text in texts for clip in spoken(text)] or [human()]


def with_pauses(parts: list[Pcm]) -> Pcm:
    """The clips at -26 dBFS, each followed by two seconds of silence."""
    spaced = [silence(2.0)]
    for clip in parts:
        spaced += [at_level(clip, -26), silence(2.0)]
    return np.concatenate(spaced)


def without_gaps(voiced: np.ndarray, n_gap: int = 20) -> np.ndarray:
    """Gaps of up to 200 ms filled: a pause between two words is no silence."""
    filled, on = voiced.copy(), np.nonzero(voiced)[0]
    for first, second in zip(on, on[1:], strict=False):
        if second - first <= n_gap:
            filled[first:second] = True
    return filled


def truth(clean: Pcm) -> np.ndarray:
    """Whether each 10 ms of the clean sound is speech: louder than 16 dB below its level."""
    frames = clean[: len(clean) // 160 * 160].reshape(-1, 160)
    return without_gaps(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12) > -26 - 16)


def decisions(kind: str, sound: Pcm, n: int) -> np.ndarray:
    gate, open_ = np.zeros(n, bool), False
    for v in make_vad(kind).feed(sound):
        open_ = v.probability >= 0.5 or (open_ and v.probability >= 0.35)
        gate[v.start // 160 : -(-v.end // 160)] = open_
    return without_gaps(gate)


@pytest.mark.parametrize(
    ("kind", "pink_db", "at_least"),
    [("webrtc", None, 0.94), ("webrtc", 10, 0.89), ("silero", None, 0.95), ("silero", 10, 0.93)],
)
@pytest.mark.parametrize("speakers", ["human", "synthetic"])
def test_speech_is_told_from_silence(kind, pink_db, at_least, speakers):
    if kind not in KINDS:
        pytest.skip("the extra [silero] is not installed")
    clean = with_pauses(clips(speakers))
    level = -75 if pink_db is None else -26 - pink_db
    expected = truth(clean)
    background = noise(len(clean) / 16_000, level, pink=True)[: len(clean)]
    got = decisions(kind, clean + background, len(expected))
    f1 = 2 * (got & expected).sum() / (got.sum() + expected.sum())
    assert f1 >= at_least


def test_a_voice_made_of_harmonics_opens_webrtc():
    sound = np.concatenate([silence(1.0), vowel(1.0), silence(1.0)]) + noise(3.0, -70)
    voicings = make_vad("webrtc").feed(sound)
    assert np.mean([v.probability for v in voicings[100:200]]) > 0.8
    assert np.mean([v.probability for v in voicings[:100]]) < 0.05


@every_kind
def test_hiss_is_no_speech(kind):
    hiss = make_vad(kind).feed(noise(5.0, -40))
    assert np.mean([v.probability >= 0.5 for v in hiss]) < 0.05
