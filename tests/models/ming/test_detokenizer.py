"""Codes to sound, piece by piece."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from vivavoce.models.ming.detokenizer import (
    FORGET_EVERY,
    DetokenizerSettings,
    StreamingDetokenizer,
    WholeDetokenizer,
)
from vivavoce.models.ming.recomputing import RecomputingDetokenizer
from vivavoce.models.ming.timeline import Timeline
from vivavoce.models.ming.vocoding import N_CONTEXT, PiecewiseVocoder

from .tiny_decoder import CHUNK, causal_flow, hift, speech_codes, voice, whole_flow

FRAME, AHEAD = 480, 3
SETTINGS = DetokenizerSettings(early=(4,), context_s=None)


def streaming(settings=SETTINGS, draw=None):
    return StreamingDetokenizer(causal_flow(), hift(), settings, draw)


def quiet(n_frames, seed):
    """The same random numbers at every call."""
    return hift().draws(n_frames, 0)


def said(detokenizer, codes, state, cuts=()):
    """All sound of the codes, pushed in pieces cut at `cuts`, flushed at the end."""
    sound = []
    for first, end in zip((0, *cuts), (*cuts, len(codes)), strict=True):
        pcm, state = detokenizer.push(codes[first:end], state)
        sound.append(pcm)
    pcm, state = detokenizer.flush(state)
    return np.concatenate([*sound, pcm]), state


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "settings",
    [SETTINGS, replace(SETTINGS, early=(2, 7)), replace(SETTINGS, early=(), finish="whole")],
)
def test_random_chunkings_give_the_whole(settings, seed):
    codes, detokenizer = speech_codes(43), streaming(settings)
    cuts = sorted(random.Random(seed).choices(range(len(codes) + 1), k=9))
    whole, _ = said(detokenizer, codes, detokenizer.open(voice()))
    pieces, _ = said(detokenizer, codes, detokenizer.open(voice()), cuts)
    assert np.array_equal(whole, pieces)
    assert len(whole) == len(codes) * FRAME
    assert np.abs(whole).max() > 0.01


def test_going_back_to_a_state_is_never_having_left():
    detokenizer = streaming()
    _, state = detokenizer.push(speech_codes(27), detokenizer.open(voice()))
    straight, _ = said(detokenizer, speech_codes(20, 5), state)
    said(detokenizer, speech_codes(30, 6), state)
    detokenizer.flush(state)
    again, _ = said(detokenizer, speech_codes(20, 5), state)
    assert np.array_equal(straight, again)


def test_opening_again_is_fresh():
    detokenizer = streaming()
    first, _ = said(detokenizer, speech_codes(30), detokenizer.open(voice()))
    said(detokenizer, speech_codes(30, 9), detokenizer.open(voice(seed=4)))
    again, _ = said(detokenizer, speech_codes(30), detokenizer.open(voice()))
    assert np.array_equal(first, again)


def test_the_seed_decides_the_random_part():
    detokenizer = streaming()
    sounds = [said(detokenizer, speech_codes(20), detokenizer.open(voice(), s))[0] for s in (1, 2)]
    assert not np.array_equal(*sounds)


def test_sound_comes_as_soon_as_an_early_stop_is_reached():
    codes = speech_codes(30)
    detokenizer = streaming(replace(SETTINGS, early=(9,)))
    state = detokenizer.open(voice(10))
    pcm, state = detokenizer.push(codes[: 9 + AHEAD - 1], state)
    assert len(pcm) == 0
    pcm, state = detokenizer.push(codes[9 + AHEAD - 1 : 9 + AHEAD], state)
    assert len(pcm) == (9 - N_CONTEXT) * FRAME
    late = streaming(replace(SETTINGS, early=()))
    pcm, _ = late.push(codes[: 9 + AHEAD], late.open(voice(10)))
    assert len(pcm) == 0


def counting(detokenizer):
    """Frames the estimator computes from here on."""
    frames, step = [], detokenizer.flow.estimator.step

    def counted(x, *rest, **named):
        frames.append(x.shape[1])
        return step(x, *rest, **named)

    detokenizer.flow.estimator.step = counted
    return frames


def test_each_chunk_is_computed_once():
    detokenizer = streaming(replace(SETTINGS, early=()))
    frames, n_steps = counting(detokenizer), detokenizer.flow.config.n_steps
    state = detokenizer.open(voice())
    for code in speech_codes(100):
        _, state = detokenizer.push([code], state)
    assert sum(frames) == n_steps * (12 + 100 - 12)  # the last chunk still waits for its codes
    assert max(frames) == CHUNK


def test_the_reference_computes_them_again_and_again():
    detokenizer = RecomputingDetokenizer(causal_flow(), hift())
    frames, n_steps = counting(detokenizer), detokenizer.flow.config.n_steps
    detokenizer.push(speech_codes(100 + AHEAD), detokenizer.open(voice(0)))
    assert sum(frames) == n_steps * sum(range(10, 101, 10))


def test_complete_chunks_have_the_frames_of_recomputing_everything():
    """With the reference's seams and random numbers, sound is equal up to the last chunk."""
    codes, settings = speech_codes(57), replace(SETTINGS, early=(), as_reference=True)
    ours = streaming(settings, quiet)
    theirs = RecomputingDetokenizer(causal_flow(), hift(), quiet)
    mine, _ = ours.push(codes, ours.open(voice(20)))
    reference, _ = theirs.push(codes, theirs.open(voice(20)))
    assert len(mine) == len(reference) == 50 * FRAME - N_CONTEXT * FRAME
    assert np.abs(mine - reference).max() < 1e-4


def test_the_reference_s_end_is_a_switch():
    codes = speech_codes(57)
    settings = replace(SETTINGS, early=(), as_reference=True)
    theirs = RecomputingDetokenizer(causal_flow(), hift(), quiet)
    reference, _ = said(theirs, codes, theirs.open(voice(20)))
    chunked, whole = (
        said(detokenizer, codes, detokenizer.open(voice(20)))[0]
        for detokenizer in (
            streaming(settings, quiet),
            streaming(replace(settings, finish="whole"), quiet),
        )
    )
    assert np.abs(whole - reference).max() < 1e-4
    assert np.abs(chunked - reference).max() > 1e-3


def test_a_sentence_goes_on_from_the_one_before():
    detokenizer, first, second = streaming(), speech_codes(33), speech_codes(30, 7)
    _, state = said(detokenizer, first, detokenizer.open(voice()))
    sound, after = said(detokenizer, second, state)
    assert len(sound) == len(second) * FRAME
    assert after.timeline.n_codes == len(first) + len(second)
    # Its complete chunks are those of one long sentence.
    _, straight = detokenizer.push([*first, *second], detokenizer.open(voice()))
    caches = [s.flow.steps[-1].caches[-1].keys_values()[0] for s in (after, straight)]
    torch.testing.assert_close(caches[0], caches[1], atol=2e-5, rtol=0)


def test_sentences_can_begin_anew():
    detokenizer = streaming(replace(SETTINGS, carry=False), quiet)
    alone, _ = said(detokenizer, speech_codes(30, 7), detokenizer.open(voice()))
    _, state = said(detokenizer, speech_codes(33), detokenizer.open(voice()))
    second, state = said(detokenizer, speech_codes(30, 7), state)
    assert np.array_equal(alone, second)
    assert state.timeline.n_codes == 63


def test_flushing_twice_and_without_codes_gives_nothing():
    detokenizer = streaming()
    pcm, state = detokenizer.flush(detokenizer.open(voice()))
    assert len(pcm) == 0
    _, state = said(detokenizer, speech_codes(5), state)
    pcm, _ = detokenizer.flush(state)
    assert len(pcm) == 0


@pytest.mark.parametrize("n", (1, 2, 5, 7, 8, 9, 10, 13))
def test_sentences_of_any_length_come_out_whole(n):
    detokenizer = streaming()
    sound, state = said(detokenizer, speech_codes(n), detokenizer.open(voice()))
    assert len(sound) == n * FRAME
    sound, _ = said(detokenizer, speech_codes(16 - n), state)
    assert len(sound) == (16 - n) * FRAME


def test_memory_is_bounded_and_short_speech_is_not_touched():
    bounded = streaming(replace(SETTINGS, early=(), context_s=0.4))
    endless = streaming(replace(SETTINGS, early=()))
    states = [d.open(voice()) for d in (bounded, endless)]
    longest, codes = 0, speech_codes(300)
    for i in range(0, 300, CHUNK):
        pcm, states[0] = bounded.push(codes[i : i + CHUNK], states[0])
        expected, states[1] = endless.push(codes[i : i + CHUNK], states[1])
        longest = max(longest, states[0].flow.encoder.n_frames)
        if i + CHUNK <= 20 + FORGET_EVERY * CHUNK:
            assert np.array_equal(pcm, expected)
    assert longest < 12 + 20 + FORGET_EVERY * CHUNK
    assert states[1].flow.encoder.n_frames == 300


def test_pitch_goes_on_over_the_seams():
    """A steady tone, cut into pieces, is the tone in one piece."""

    class Tone:
        def __init__(self, inner):
            self.config, self.merge, self.turns = inner.config, inner.merge, inner.turns
            self._inner = inner

        def pitch(self, mel):
            return torch.full((1, mel.shape[2]), 123.4)

        def source(self, *given):
            return self._inner.source(*given)

        def decode(self, mel, source):
            return source[:, 0]

        def draws(self, n_frames, seed):
            still = self._inner.draws(n_frames, seed)
            return replace(still, noise=torch.zeros_like(still.noise))

    with torch.inference_mode():
        mel, sounds = torch.zeros(60, 8), []
        for cuts in ((60,), (20, 33, 60)):
            vocoder, first, parts = PiecewiseVocoder(Tone(hift())), 0, []
            state = vocoder.initial()
            for end in cuts:
                pcm, state = vocoder.step(mel[first:end], state, 0, last=end == 60)
                parts.append(pcm)
                first = end
            sounds.append(torch.cat(parts))
    # The reference's seams would be off by as much as the tone is loud.
    inner = slice(FRAME, -FRAME)
    assert sounds[0].abs().max() > 0.01
    torch.testing.assert_close(sounds[0][inner], sounds[1][inner], atol=1e-5, rtol=0)


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_another_speed_changes_the_length_only(speed):
    codes, detokenizer = speech_codes(40), streaming()
    sound, state = said(detokenizer, codes, detokenizer.open(voice(), speed=speed))
    assert len(sound) == int(40 / speed) * FRAME
    assert state.timeline.code_at(len(sound) // 2) in range(18, 22)


@pytest.mark.parametrize("speed", [0.0, 2.5])
def test_a_speed_nobody_understands_is_refused(speed):
    with pytest.raises(ValueError, match="speed"):
        streaming().open(voice(), speed=speed)


def test_a_prompt_without_its_mel_is_not_used():
    detokenizer = streaming()
    bare = replace(voice(), mel=None)
    sound, _ = said(detokenizer, speech_codes(20), detokenizer.open(bare))
    alone, _ = said(detokenizer, speech_codes(20), detokenizer.open(replace(bare, codes=())))
    assert np.array_equal(sound, alone)


def test_samples_lead_back_to_their_codes():
    timeline = Timeline().plus(10, 10, 480).plus(5, 4, 480)
    codes = [timeline.code_at(sample) for sample in range(0, 14 * 480, 240)]
    assert codes == sorted(codes)
    assert [timeline.code_at(s) for s in (0, 479, 480, 4799, 4800)] == [0, 0, 1, 9, 10]
    assert timeline.code_at(14 * 480 - 1) == 14 == timeline.code_at(10**9)
    assert Timeline().code_at(5) == 0


# --- whole sentences -----------------------------------------------------------------------


def whole():
    return WholeDetokenizer(whole_flow(), hift(v1=True))


def test_a_whole_sentence_comes_with_its_end():
    detokenizer, codes = whole(), speech_codes(50)
    given = replace(voice(10), mel=torch.zeros(17, 8))
    pcm, state = detokenizer.push(codes, detokenizer.open(given))
    assert len(pcm) == 0
    sound, state = detokenizer.flush(state)
    assert len(sound) == (int(60 / 50 * 22_050 / 256) - 17) * 256
    assert not sound[:441].any()
    assert sound[441:].any()
    assert state.codes == ()
    assert state.timeline.n_codes == 50
    assert len(detokenizer.flush(state)[0]) == 0


def test_whole_sentences_depend_on_seed_and_codes_only():
    detokenizer, codes = whole(), speech_codes(30)
    sound, _ = said(detokenizer, codes, detokenizer.open(voice(0), 3))
    pieces, _ = said(detokenizer, codes, detokenizer.open(voice(0), 3), (4, 9))
    other, _ = said(detokenizer, codes, detokenizer.open(voice(0), 4))
    assert np.array_equal(sound, pieces)
    assert not np.array_equal(sound, other)
    slow, _ = said(detokenizer, codes, detokenizer.open(voice(0), speed=0.5))
    assert len(slow) == 2 * len(sound)


def test_a_prompt_s_mel_beyond_its_codes_cuts_no_speech_off():
    detokenizer, codes = whole(), speech_codes(30)
    given = replace(voice(10), mel=torch.zeros(60, 8))
    sound, _ = said(detokenizer, codes, detokenizer.open(given))
    n_prompt, n_all = (int(n / 50 * 22_050 / 256) for n in (10, 40))
    assert len(sound) == (n_all - n_prompt - 1) * 256


def test_a_single_code_is_spoken_or_left_out():
    detokenizer = whole()
    sound, state = said(detokenizer, [3], detokenizer.open(voice(0)))
    assert len(sound) == 256
    given = replace(voice(10), mel=torch.zeros(18, 8))
    sound, state = said(detokenizer, [3], detokenizer.open(given))
    assert len(sound) == 0
    assert state.codes == ()
    assert state.timeline.n_codes == 1


def test_a_voice_at_rest_needs_the_memory_of_its_prompt_only():
    bounded = streaming(replace(SETTINGS, context_s=1.0))
    state = bounded.open(voice(23))
    kept = state.flow.steps[-1].caches[-1]
    assert kept.length == 20
    assert kept._buffer.k.shape[2] <= 23
    _, state = bounded.push(speech_codes(40), state)
    place = state.flow.steps[-1].caches[-1].keys_values()[0].data_ptr()
    _, state = bounded.push(speech_codes(30), state)
    assert state.flow.steps[-1].caches[-1].keys_values()[0].data_ptr() == place
