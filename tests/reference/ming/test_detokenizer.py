"""The reference's chunk loop: when it speaks, how much, and what, with its random numbers.

Tolerance 2e-3 in the waveform, that of the vocoder.
"""

import pytest
import torch
from safetensors.torch import load_file

from vivavoce.models.ming.detokenizer import DetokenizerSettings, StreamingDetokenizer
from vivavoce.models.ming.recomputing import RecomputingDetokenizer
from vivavoce.models.ming.vocoder import Draws

from .decoding import needed, recorded_flow, recorded_vocoder, voice

WAVE = {"atol": 2e-3, "rtol": 0}


class Recorded:
    def __init__(self, vectors):
        needed(vectors, "detok_stream_v1_5", "flow_v1_5", "hift_v1_5")
        self.flow = recorded_flow(vectors, "flow_v1_5")
        self.hift = recorded_vocoder(vectors, "hift_v1_5")
        self.io = load_file(vectors / "detok_stream_v1_5.io.safetensors")
        self.codes = self.io["token"][0].tolist()

    def draw(self, case):
        """The case's random numbers, three to a call, the last of which has no effect."""
        calls = iter(range(0, 1000, 3))

        def drawn(n_frames, seed):
            call = next(calls)
            phase, noise = (self.io[f"{case}/draw.{call + i}"][0] for i in (0, 1))
            assert len(noise) == n_frames * self.hift.config.frame
            return Draws(phase, noise)

        return drawn

    def speech(self, case):
        if f"{case}/speech" in self.io:
            return self.io[f"{case}/speech"][0]
        chunks = [self.io[f"{case}/chunk.{i}"][0] for i in range(len(self.io[f"{case}/schedule"]))]
        return torch.cat(chunks)


@pytest.fixture(scope="module")
def recorded(vectors):
    return Recorded(vectors)


def by_single_codes(detokenizer, given, codes):
    """Rows [codes received, samples returned] that returned something, and all the sound."""
    rows, sound, state = [], [], detokenizer.open(given)
    for i, code in enumerate(codes):
        pcm, state = detokenizer.push([code], state)
        if len(pcm):
            rows.append([i + 1, len(pcm)])
            sound.append(torch.from_numpy(pcm))
    pcm, state = detokenizer.flush(state)
    rows.append([len(codes), len(pcm)])
    return rows, torch.cat([*sound, torch.from_numpy(pcm)])


@pytest.mark.parametrize("case", ["prompted", "noprompt"])
def test_the_reference_s_chunks(recorded, case):
    detokenizer = RecomputingDetokenizer(recorded.flow, recorded.hift, recorded.draw(case))
    given = voice(recorded.io, case == "prompted")
    rows, speech = by_single_codes(detokenizer, given, recorded.codes)
    assert rows == recorded.io[f"{case}/schedule"][:, 1:].tolist()
    torch.testing.assert_close(speech, recorded.speech(case), **WAVE)


def test_computing_each_chunk_once_gives_the_same_sound(recorded):
    settings = DetokenizerSettings((), None, finish="whole", halve=False, as_reference=True)
    detokenizer = StreamingDetokenizer(
        recorded.flow, recorded.hift, settings, recorded.draw("noprompt")
    )
    given = voice(recorded.io, prompted=False)
    rows, speech = by_single_codes(detokenizer, given, recorded.codes)
    assert rows == recorded.io["noprompt/schedule"][:, 1:].tolist()
    torch.testing.assert_close(speech, recorded.speech("noprompt"), **WAVE)


@pytest.mark.parametrize(("case", "speed"), [("whole", 1.0), ("speed125", 1.25)])
def test_a_whole_utterance_at_each_speed(recorded, case, speed):
    detokenizer = RecomputingDetokenizer(recorded.flow, recorded.hift, recorded.draw(case))
    detokenizer.hop = len(recorded.codes) + 1  # longer than all there is: nothing is chunked
    state = detokenizer.open(voice(recorded.io, prompted=True), speed=speed)
    nothing, state = detokenizer.push(recorded.codes, state)
    pcm, _ = detokenizer.flush(state)
    assert len(nothing) == 0
    torch.testing.assert_close(torch.from_numpy(pcm), recorded.speech(case), **WAVE)
