"""Speaker files of the three releases, and what is not a speaker file."""

import pickle

import pytest
import torch

from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.voice_prompt import VoicePrompt, load_voice_prompt, save_voice_prompt


def v1_file(n_codes=52, n_frames=90):
    return {
        "prompt_text": "我会一直在这里",
        "prompt_speech_token": torch.arange(n_codes, dtype=torch.int32)[None],
        "prompt_speech_token_len": torch.tensor([n_codes], dtype=torch.int32),
        "prompt_speech_feat": torch.randn(1, n_frames, 80),
        "prompt_speech_feat_len": torch.tensor([n_frames], dtype=torch.int32),
        "vp_emb": torch.randn(1, 192),
    }


def stored(tmp_path, content):
    torch.save(content, tmp_path / "speaker.pt")
    return tmp_path / "speaker.pt"


def test_preview_stores_a_bare_vector(tmp_path):
    vector = torch.randn(1, 192)
    prompt = load_voice_prompt(stored(tmp_path, vector))
    assert torch.equal(prompt.speaker, vector[0])
    assert torch.equal(prompt.flow_speaker, vector[0])
    assert (prompt.text, len(prompt.codes), prompt.mel.shape) == ("", 0, (0, 80))


def test_v1_stores_a_moment_of_speech_and_its_words(tmp_path):
    file = v1_file()
    prompt = load_voice_prompt(stored(tmp_path, file))
    assert prompt.text == file["prompt_text"]
    assert prompt.codes.tolist() == list(range(52))
    assert torch.equal(prompt.mel, file["prompt_speech_feat"][0])
    assert torch.equal(prompt.flow_codes, prompt.codes)
    assert torch.equal(prompt.flow_speaker, prompt.speaker)


def test_v1_5_prompts_the_audio_decoder_apart(tmp_path):
    file = v1_file(150, 150) | {
        "flow_prompt_speech_token": torch.tensor([[7, 8, 9]], dtype=torch.int32),
        "flow_prompt_speech_token_len": torch.tensor([3], dtype=torch.int32),
        "flow_embedding": torch.ones(1, 192),
    }
    prompt = load_voice_prompt(stored(tmp_path, file))
    assert len(prompt.codes) == len(prompt.mel) == 150
    assert prompt.flow_codes.tolist() == [7, 8, 9]
    assert torch.equal(prompt.flow_speaker, torch.ones(192))


def test_sequences_are_cut_to_the_length_beside_them(tmp_path):
    file = v1_file() | {
        "prompt_speech_token_len": torch.tensor([50], dtype=torch.int32),
        "prompt_speech_feat_len": 80,
    }
    prompt = load_voice_prompt(stored(tmp_path, file))
    assert (len(prompt.codes), len(prompt.mel)) == (50, 80)


def test_what_was_saved_is_read_back(tmp_path):
    prompt = VoicePrompt.of(
        torch.randn(192),
        "words",
        torch.tensor([5, 6]),
        torch.randn(2, 80),
        flow_codes=torch.tensor([6]),
        flow_speaker=torch.zeros(192),
    )
    save_voice_prompt(prompt, tmp_path / "mine.pt")
    again = load_voice_prompt(tmp_path / "mine.pt")
    assert again.text == "words"
    for name in ("speaker", "codes", "mel", "flow_codes", "flow_speaker"):
        assert torch.equal(getattr(again, name), getattr(prompt, name))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "neither a tensor nor a dictionary"),
        (torch.randn(2, 192), "not one voice vector"),
        (torch.full((1, 192), torch.nan), "not finite"),
        ({"prompt_text": "a"}, "vp_emb is not one voice vector"),
        ({**v1_file(), "prompt_text": 3}, "prompt_text is not text"),
        ({**v1_file(), "prompt_speech_token": torch.randn(1, 4)}, "not a row of codec codes"),
        ({**v1_file(), "prompt_speech_token": -torch.ones(1, 4).int()}, "negative code"),
        ({**v1_file(), "prompt_speech_feat": torch.randn(1, 4, 20)}, "not mel frames"),
    ],
)
def test_what_is_no_speaker_file_is_said_in_a_sentence(tmp_path, content, complaint):
    with pytest.raises(CheckpointError, match=complaint):
        load_voice_prompt(stored(tmp_path, content))


class Trap:
    def __reduce__(self):
        return (print, ("code of the file was run",))


def test_code_in_a_file_is_not_run(tmp_path, capsys):
    (tmp_path / "trap.pt").write_bytes(pickle.dumps(Trap(), protocol=2))
    torch.save({"vp_emb": Trap()}, tmp_path / "trap2.pt")
    for name in ("trap.pt", "trap2.pt", "not_there.pt"):
        with pytest.raises(CheckpointError):
            load_voice_prompt(tmp_path / name)
    assert "run" not in capsys.readouterr().out
