"""Phone labels: what is heard in the middle of a frame, one frame late."""

import numpy as np

from training.phones import (
    FRAME_SAMPLES,
    SILENCE,
    UNKNOWN,
    classify,
    frame_labels,
    phone_classes,
    phone_name,
)
from vivavoce.models.nano.config import EncoderConfig


def labels(events, n_frames, end):
    starts, classes = (np.array(column) for column in zip(*events, strict=True))
    return frame_labels(starts, classes, n_frames, end).tolist()


def test_a_label_comes_one_frame_after_its_phone():
    # frame                0        1        2        3        4
    # phone          _     7 7 7    7 9      9 9
    events = [(FRAME_SAMPLES, 7), (2 * FRAME_SAMPLES, 9)]
    assert labels(events, 5, end=3 * FRAME_SAMPLES) == [SILENCE, SILENCE, 7, 9, SILENCE]


def test_the_middle_of_the_frame_decides():
    middle = FRAME_SAMPLES + FRAME_SAMPLES // 2
    assert labels([(0, 3), (middle, 4)], 3, end=10 * FRAME_SAMPLES)[2] == 4
    assert labels([(0, 3), (middle + 1, 4)], 3, end=10 * FRAME_SAMPLES)[2] == 3


def test_before_the_first_phone_and_after_the_end_is_silence():
    found = labels([(5 * FRAME_SAMPLES, 6)], 12, end=8 * FRAME_SAMPLES)
    assert found == [SILENCE] * 6 + [6] * 3 + [SILENCE] * 3


def test_warped_events_need_not_be_whole_samples():
    starts = 100 + np.array([0, 700]) * 1.12
    assert frame_labels(starts, np.array([1, 2]), 3, 2_000).tolist() == [SILENCE, 1, 2]


def test_stress_and_length_are_not_part_of_a_class_but_the_language_is():
    assert phone_name("en", "'i:") == phone_name("en", "i") == "en:i"
    assert phone_name("cmn", "i") != phone_name("en", "i")
    assert phone_name("en", "_:") == "_"


def test_classes_fit_the_phone_head_and_unknown_phones_are_not_trained_on():
    classes = phone_classes()
    assert classes["_"] == SILENCE
    assert len(classes) <= EncoderConfig().n_phones
    known = next(name for name in classes if name.startswith("en:"))
    events = [(0, known.removeprefix("en:")), (640, "no such phone")]
    assert classify(events, "en") == [(0, classes[known]), (640, UNKNOWN)]
