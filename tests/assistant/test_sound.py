"""The microphone is deaf while the loudspeaker sounds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from vivavoce.assistant.sound import ROOM_TAIL_S, EchoGate

FRAME = np.ones(320, np.float32)


def test_the_gate_is_shut_while_sound_is_queued_and_for_the_rooms_tail():
    now = SimpleNamespace(s=5.0)
    gate = EchoGate(clock=lambda: now.s)
    assert gate.let_through(FRAME).any()
    playout = SimpleNamespace(queued_samples=0)
    gate.watch(playout)
    assert gate.let_through(FRAME).any()
    playout.queued_samples = 4800
    assert not gate.let_through(FRAME).any()
    playout.queued_samples = 0
    now.s += ROOM_TAIL_S / 2
    assert not gate.let_through(FRAME).any()
    now.s += ROOM_TAIL_S
    assert np.array_equal(gate.let_through(FRAME), FRAME)
