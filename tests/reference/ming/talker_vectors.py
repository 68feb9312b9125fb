"""The talker's recorded vectors: its weights, and one case after the other."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from vivavoce.models.ming.checkpoint import open_safetensors
from vivavoce.models.ming.config import TalkerConfig
from vivavoce.models.ming.speech_bpe import SpeechBpe
from vivavoce.models.ming.talker import load_talker
from vivavoce.models.ming.talker_layout import LAYOUTS, SpecialIds

RECORDED = Path(__file__).parent / "vectors"
VERSIONS = {"preview": "preview", "v1": "v1", "v1_5": "v1.5"}


def for_every_case(metafunc) -> None:
    """Parametrise `talker_case` with (release, case) of all talker vectors in the folder."""
    if "talker_case" in metafunc.fixturenames:
        cases = recorded_cases(metafunc.config.getoption("--vectors", default=RECORDED))
        metafunc.parametrize("talker_case", cases, ids="-".join)


def recorded_cases(folder: Path) -> list[tuple[str, str]]:
    files = {name: folder / f"talker_{name}.json" for name in VERSIONS}
    return [
        (name, case)
        for name, file in files.items()
        if file.is_file()
        for case in json.loads(file.read_text(encoding="utf-8"))["cases"]
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
