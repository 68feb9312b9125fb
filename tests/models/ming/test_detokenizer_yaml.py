"""A detokeniser's yaml file: what is read of it, and that nothing of it is run."""

from __future__ import annotations

import pytest

from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.detokenizer_yaml import (
    MEL_V1,
    MEL_V1_5,
    DetokenizerFile,
    MelSettings,
    read_detokenizer_yaml,
)

TEXT = """\
__set_seed1: !apply:random.seed [1986]
sample_rate: 16000
chunk_size: 25
ratio: 2
flow: !new:some.package.Flow
    encoder: !new:some.package.Encoder
        static_chunk_size: !ref <chunk_size>
    decoder: !new:some.package.Decoder
        cfm_params: !new:omegaconf.DictConfig
            content:
                inference_cfg_rate: 0.5
        n_timesteps: 6
        estimator: !new:some.package.Estimator
            attention_head_dim: 32
            static_chunk_size: !ref <chunk_size> * <ratio>
feat_extractor: !name:some.package.mel
    n_fft: 800
    num_mels: 40
    sampling_rate: !ref <sample_rate>
    hop_size: 200
    win_size: 640
    fmin: 20
    fmax: 7600
    center: False
"""


def test_settings_are_found_wherever_they_stand(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text(TEXT)
    mel = MelSettings(16_000, 800, 200, 640, 40, 20, 7600)
    assert read_detokenizer_yaml(path, MEL_V1_5) == DetokenizerFile(mel, 32, 25, 6, 0.5)


def test_without_a_file_or_a_word_the_published_settings_hold(tmp_path):
    assert read_detokenizer_yaml(tmp_path / "absent.yaml", MEL_V1) == DetokenizerFile(MEL_V1)
    path = tmp_path / "d.yaml"
    path.write_text("flow: !new:x.Y\n    in_channels: 240\n")
    assert read_detokenizer_yaml(path, MEL_V1) == DetokenizerFile(MEL_V1)


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['touch {marker}']",
        "a: !apply:os.system ['touch {marker}']",
        "a: !!python/name:os.system",
    ],
)
def test_nothing_in_the_file_is_run(tmp_path, text):
    marker, path = tmp_path / "marker", tmp_path / "d.yaml"
    path.write_text(text.format(marker=marker))
    assert read_detokenizer_yaml(path, MEL_V1) == DetokenizerFile(MEL_V1)
    assert not marker.exists()


@pytest.mark.parametrize("text", ["[1, 2", "- 1\n- 2\n", "a: &x [*x]\nb: !ref <b>\n", "\x00"])
def test_files_that_make_no_sense_are_one_sentence_or_the_published_settings(tmp_path, text):
    path = tmp_path / "d.yaml"
    path.write_text(text)
    try:
        assert read_detokenizer_yaml(path, MEL_V1) == DetokenizerFile(MEL_V1)
    except CheckpointError as error:
        assert str(path) in str(error) and "\n" not in str(error)
