"""The talker's recorded vectors: its weights, and one case after the other."""

import json
from dataclasses import dataclass

from safetensors.torch import load_file
from torch import Tensor

from vivavoce.models.ming.checkpoint import open_safetensors
from vivavoce.models.ming.config import TalkerConfig
from vivavoce.models.ming.speech_bpe import SpeechBpe
from vivavoce.models.ming.talker import load_talker
from vivavoce.models.ming.talker_layout import LAYOUTS, SpecialIds

VERSIONS = {"preview": "preview", "v1": "v1", "v1_5": "v1.5"}
CASES = [
    (name, case)
    for name, cases in {
        "preview": ("no_prefix", "thinker_prefix"),
        "v1": ("no_prefix", "thinker_prefix", "long_text"),
        "v1_5": ("no_prefix", "thinker_prefix"),
    }.items()
    for case in cases
]


@dataclass(frozen=True)
class Recorded:
    """One case: what went in, what the reference made of it."""

    file: dict
    facts: dict
    io: dict[str, Tensor]
    thinker: Tensor | None

    def ids(self, key: str) -> list[int]:
        return self.io[key].flatten().tolist() if key in self.io else []


class TalkerVectors:
    """All that was recorded of one release's talker; sizes come from the files."""

    def __init__(self, folder, name: str) -> None:
        self.name, self.layout = name, LAYOUTS[VERSIONS[name]]
        self.file = json.loads((folder / f"talker_{name}.json").read_text(encoding="utf-8"))
        self.special = SpecialIds.named(self.file["text_token_ids"].get)
        self.source = open_safetensors(folder / f"talker_{name}.weights.safetensors")
        self.config = talker_config(self.file)
        stem = folder / f"s3_bpe_{name}"
        self.bpe = SpeechBpe.load(f"{stem}.tokenizer.json", f"{stem}.char_mapping.txt")
        self._io = load_file(folder / f"talker_{name}.io.safetensors")

    def talker(self, whole_head: bool = True):
        return load_talker(self.source, self.config, self.special.audio_eos, whole_head=whole_head)

    def case(self, name: str) -> Recorded:
        io = {
            key.partition("/")[2]: value
            for key, value in self._io.items()
            if key.startswith(f"{name}/")
        }
        facts = self.file["cases"][name]
        return Recorded(self.file, facts, io, _thinker_states(io, facts["thinker_prefix_len"]))


def talker_config(file: dict) -> TalkerConfig:
    own, backbone = file["talker_config"], file["qwen2_config"]
    return TalkerConfig(
        dim=backbone["hidden_size"],
        n_layers=backbone["num_hidden_layers"],
        n_heads=backbone["num_attention_heads"],
        n_kv_heads=backbone["num_key_value_heads"],
        ffn_dim=backbone["intermediate_size"],
        vocabulary=own["vocab_size"],
        text_vocabulary=own["text_vocab_size"],
        thinker_dim=own["qa_model_hidden_size"],
        speaker_dim=own["vp_feature_size"],
        theta=backbone["rope_theta"],
        eps=backbone["rms_norm_eps"],
    )


def _thinker_states(io: dict[str, Tensor], n: int) -> Tensor | None:
    return io["thinker_reply_part"][0] if n else None
