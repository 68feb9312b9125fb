"""The wake word: heard, not misheard, and not taken from the loudspeaker."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.support import voices
from tests.support.voices import says
from vivavoce.streaming import wake_micro
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.reference import Reference
from vivavoce.streaming.resample import resample
from vivavoce.streaming.wake import (
    OWN_THRESHOLD,
    OwnVoice,
    WakeWordUnavailable,
    command_start,
    make_wake_word,
)

S = 16_000
FRAME = 320
CLEAR = ("flite/slt", "flite/rms", "flite/kal16", "espeak-ng/en-us+f3")
OTHERS = (
    "what time is it",
    "turn on the light in the kitchen",
    "tell me a joke",
    "hey there how are you",
    "set a timer for five minutes",
    "the harvest is over",
    "hey travis come here",
    "good morning everyone",
    "hey charlie",
    "they are nervous",
)

engine = pytest.mark.skipif(
    not wake_micro.installed(), reason="pymicro-wakeword not installed (extra [wakeword])"
)
people = pytest.mark.skipif(voices.missing() is not None, reason=str(voices.missing()))


def quiet(seconds: float, seed: int = 0) -> Pcm:
    """A room in which nobody speaks."""
    hiss = np.random.default_rng(seed).normal(size=round(seconds * S)) * 0.0005
    return hiss.astype(np.float32)


def frames(pcm: Pcm) -> list[Pcm]:
    return [pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME)]


# --- where the command begins ---------------------------------------------------------------


def test_the_command_begins_in_the_gap_after_the_word():
    word, command = np.ones(4000, np.float32), np.ones(2000, np.float32)
    heard = np.concatenate((word, np.zeros(1600, np.float32), command))
    assert 4000 <= command_start(heard) <= 5600


def test_without_a_gap_it_begins_where_it_is_softest():
    heard = np.ones(4800, np.float32)
    heard[3000:3480] = 0.1
    assert 3000 <= command_start(heard) <= 3480


def test_in_silence_it_begins_now_and_a_moment_is_enough():
    assert command_start(np.zeros(8000, np.float32)) >= 8000 - 480
    assert command_start(np.zeros(100, np.float32)) == 100
    assert command_start(np.zeros(0, np.float32)) == 0


# --- the engine -----------------------------------------------------------------------------


@engine
@people
@pytest.mark.parametrize("voice", CLEAR)
def test_it_hears_its_word_once_and_soon(voice):
    word = make_wake_word("hey jarvis")
    said = says(voice, "hey jarvis")
    wakes = word.feed(np.concatenate((quiet(0.5), said, quiet(1.0))))
    assert len(wakes) == 1
    late_ms = (wakes[0].at - S // 2 - len(said)) * 1000 // S
    assert 0 < late_ms < 350 and wakes[0].score > word.threshold


@engine
@people
def test_it_hears_its_word_again_however_the_sound_is_cut():
    said = np.concatenate((quiet(0.5), says("flite/rms", "hey jarvis"), quiet(1.0)))
    twice = np.concatenate((said, said))
    whole = make_wake_word("Hey_Jarvis").feed(twice)
    cut, word = [], make_wake_word("hey jarvis")
    for at in range(0, len(twice), 333):
        cut += word.feed(twice[at : at + 333])
    assert len(whole) == 2 and cut == whole


@engine
@people
def test_it_does_not_hear_it_in_other_sentences():
    word = make_wake_word("hey jarvis")
    for voice in ("flite/slt", "espeak-ng/en-us+f3"):
        for sentence in OTHERS:
            assert word.feed(np.concatenate((says(voice, sentence), quiet(0.4)))) == [], sentence


@engine
@people
def test_a_lower_threshold_hears_it_sooner():
    said = np.concatenate((quiet(0.5), says("flite/kal16", "hey jarvis"), quiet(0.5)))
    (usual,), (quick,) = (make_wake_word("hey jarvis", t).feed(said) for t in (0.0, 0.4))
    assert quick.at < usual.at and 0.4 < quick.score < usual.score


@engine
def test_a_model_may_be_a_file_with_or_without_its_description(tmp_path):
    shipped = wake_micro.find_model("alexa")
    bare = tmp_path / "my_word.tflite"
    shutil.copy(shipped.with_suffix(".tflite"), bare)
    assert make_wake_word(str(bare)).phrase == "my word"
    described = json.loads(shipped.read_text())
    described |= {"wake_word": "My Other Word", "model": "my_word.tflite"}
    described["micro"]["probability_cutoff"] = 0.25
    (tmp_path / "other.json").write_text(json.dumps(described))
    other = make_wake_word(str(tmp_path / "other.json"))
    assert (other.phrase, other.threshold) == ("my other word", 0.25)


@engine
def test_what_is_no_model_is_one_sentence(tmp_path):
    network = wake_micro.find_model("alexa").with_suffix(".tflite").read_bytes()
    wrong = {
        "cut.tflite": network[:3000],
        "empty.tflite": b"",
        "noise.tflite": bytes(range(256)) * 20,
        "no.json": b"{",
        "list.json": b"[]",
        "lonely.json": b'{"wake_word": "x", "model": "gone.tflite", '
        b'"micro": {"probability_cutoff": 0.9, "sliding_window_size": 5}}',
    }
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WakeWordUnavailable, match="is no microWakeWord model"):
            make_wake_word(str(tmp_path / name))
    with pytest.raises(WakeWordUnavailable, match="there is no wake-word model at"):
        make_wake_word(str(tmp_path / "gone.json"))
    with pytest.raises(WakeWordUnavailable, match="'hey bob'; choose one of alexa, hey jarvis"):
        make_wake_word("hey bob")


def test_without_the_engine_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(wake_micro, "_PACKAGE", "no_such_engine")
    with pytest.raises(WakeWordUnavailable, match=r"pip install 'vivavoce\[wakeword\]'"):
        make_wake_word("hey jarvis")


# --- whose voice ----------------------------------------------------------------------------


class Room:
    """A loudspeaker whose sound comes back through walls, not cancelled at all.

    The microphone hears the reference `delay_s` later, through an exponentially fading room of
    `tail_s`, and whoever speaks in it.
    """

    def __init__(self, delay_s: float, tail_s: float = 0.2, gain: float = 0.5) -> None:
        n = round(tail_s * S)
        fading = np.exp(-6.9 * np.arange(n) / n)
        walls = np.random.default_rng(3).normal(size=n) * fading * 0.1
        walls[0] = 1.0
        self.path = np.concatenate((np.zeros(round(delay_s * S)), walls * gain))
        self.reference = Reference(48_000)
        self.own = OwnVoice(
            self.reference,
            make_wake_word("hey jarvis", make_wake_word("hey jarvis").threshold * OWN_THRESHOLD),
        )
        self.ear = make_wake_word("hey jarvis")

    def wakes(self, played: Pcm, person: Pcm) -> list[bool]:
        """For each wake of the microphone, whether it was ours; both [n] at 16 kHz."""
        n = max(len(played), len(person)) + S
        echo = np.convolve(played, self.path)[:n]
        heard = quiet(n / S)
        heard[: len(echo)] += echo.astype(np.float32)
        heard[: len(person)] += person
        padded = np.concatenate((played, np.zeros(n - len(played), np.float32)))
        device = resample(padded, S, 48_000)
        found = []
        for k, frame in enumerate(frames(heard)):
            self.reference.write(device[k * 960 : (k + 1) * 960], k * 0.02)
            self.own.feed(len(frame))
            found += [self.own.speaks for _ in self.ear.feed(frame)]
        return found


@engine
@people
@pytest.mark.parametrize(
    ("voice", "delay_s"),
    [("flite/slt", 0.02), ("flite/rms", 0.12), ("flite/kal16", 0.3), ("espeak-ng/en-us+f3", 0.05)],
)
def test_the_assistants_own_voice_never_wakes_it(voice, delay_s):
    reply = np.concatenate((quiet(0.4), says(voice, "my name is jarvis")))
    word = np.concatenate((quiet(0.6), says(voice, "hey jarvis"), quiet(0.4)))
    room = Room(delay_s)
    found = room.wakes(np.concatenate((word, reply, word)), np.zeros(0, np.float32))
    assert found and all(found), "its echo is as clear as a person, and still nobody's but ours"


@engine
@people
def test_a_person_wakes_it_while_it_speaks_of_something_else():
    reply = np.tile(says("flite/slt", "once upon a time there was a small house"), 2) * 0.3
    person = np.concatenate((quiet(1.0), says("flite/rms", "hey jarvis")))
    assert Room(0.05).wakes(reply, person) == [False]


@engine
@people
def test_a_person_wakes_it_soon_after_it_said_the_word_itself():
    word = says("flite/rms", "hey jarvis")
    person = np.concatenate((quiet(len(word) / S + 1.5), says("flite/slt", "hey jarvis")))
    assert Room(0.05).wakes(word, person) == [True, False]


@engine
def test_what_was_played_while_the_microphone_was_away_is_forgotten():
    reference = Reference(48_000)
    own = OwnVoice(reference, make_wake_word("hey jarvis"))
    reference.write(np.ones(3 * 48_000, np.float32), 0.0)
    own.feed(320)
    assert not own.speaks
