"""Stage "codec": codec encoder and audio decoder, learnt together on nano's own voice.

    python -m training.codec --minutes 30

For the last part of the minutes the encoder is frozen (the codes no longer move) and the decoder
adapts to it. Started again, it continues; with more minutes, it continues longer.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from vivavoce.models.nano.audio_decoder import AudioDecoder, AudioDecoderConfig
from vivavoce.models.nano.codec import CodecEncoder

from .run_folder import RUNS, RunFolder, device_named
from .spectral_loss import SpectralLoss
from .speech_texts import everyday_texts
from .voice_pool import random_segments, voice_pool

STAGE = "codec"
BATCH, SEGMENT_CODES = 8, 48
TOP_RATE = 1e-3
FREEZE_AT = 0.75  # share of the minutes after which codes no longer change
MEL_HEAD_WEIGHT = 5.0
POOL_TEXTS = 3200  # about 2.5 hours
LOG_EVERY, SAVE_EVERY = 20, 100


class Codec(nn.Module):
    """Encoder and decoder as one model: samples → codes → samples."""

    def __init__(self, config: AudioDecoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or AudioDecoderConfig()
        self.encoder = CodecEncoder(self.config.levels)
        self.decoder = AudioDecoder(self.config)

    @torch.no_grad()
    def encode(self, samples: Tensor) -> Tensor:
        """Samples [B, n] → codes [B, ceil(n / 640)]; the rest is filled with silence."""
        size = self.config.samples_per_code
        samples = nn.functional.pad(samples, (0, -samples.shape[-1] % size))
        codes: Tensor = self.encoder(self.encoder.features(samples)).codes
        return codes


def load_codec(path: Path = RUNS / STAGE / "checkpoint.pt") -> Codec:
    """The trained codec, ready to use."""
    codec = Codec()
    codec.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model"])
    return codec.eval()


class CodecTrainer:
    """One step after another until the minutes are over."""

    def __init__(self, run: RunFolder, pool: np.ndarray, device: torch.device) -> None:
        self.run, self.pool, self.device = run, pool, device
        self.codec = Codec().to(device)
        self.loss = SpectralLoss().to(device)
        self.optimizer = torch.optim.AdamW(self.codec.parameters(), TOP_RATE, betas=(0.8, 0.99))
        self.step = 0
        self.used: set[int] = set()
        self._restore()
        self.rng = np.random.default_rng(self.step)

    def _restore(self) -> None:
        if state := self.run.load():
            self.codec.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def save(self) -> None:
        """Write the checkpoint."""
        self.run.save(
            {
                "model": self.codec.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
            }
        )

    def train(self) -> None:
        """Until the minutes are over."""
        self.run.restart_clock()
        with tqdm(total=round(self.run.minutes, 2), desc=STAGE, unit="min") as bar:
            for _ in itertools.count():
                if self.run.progress >= 1:
                    break
                loss = self.train_step()
                bar.n = round(self.run.used_minutes, 2)
                bar.set_postfix(step=self.step, loss=f"{loss:.3f}", refresh=False)
                bar.update(0)
                if self.step % SAVE_EVERY == 0:
                    self.save()
        self.save()

    def train_step(self) -> float:
        """One batch; gives the loss."""
        frozen = self.run.progress > FREEZE_AT
        size = SEGMENT_CODES * self.codec.config.samples_per_code
        samples = torch.from_numpy(random_segments(self.pool, self.rng, BATCH, size))
        samples = samples.to(self.device) * float(self.rng.uniform(0.7, 1.1))
        mel = self.codec.encoder.features(samples)
        self.codec.encoder.train(not frozen)
        with torch.set_grad_enabled(not frozen):
            coded = self.codec.encoder(mel)
        made, made_mel = self.codec.decoder.synthesize(coded.values)
        wave_loss = self.loss(made, samples)
        mel_loss = (made_mel - mel).abs().mean()
        self._update(wave_loss + MEL_HEAD_WEIGHT * mel_loss)
        self._log(wave_loss, mel_loss, coded.codes)
        return wave_loss.item()

    def _update(self, loss: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.run.learning_rate(TOP_RATE)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1

    def _log(self, wave_loss: Tensor, mel_loss: Tensor, codes: Tensor) -> None:
        self.used.update(codes.unique().tolist())
        if self.step % LOG_EVERY:
            return
        seconds = self.step * BATCH * SEGMENT_CODES / 25
        self.run.log(
            step=self.step,
            loss=wave_loss.item(),
            mel_loss=mel_loss.item(),
            codes_used=len(self.used),
            audio_hours=seconds / 3600,
        )
        self.used = set()


def train(minutes: float, device: str = "auto") -> None:
    """Train, or go on training, until `minutes` are used up in all."""
    torch.manual_seed(0)
    run = RunFolder(STAGE, minutes)
    pool = voice_pool(run.folder / "pool.npy", everyday_texts(seed=1), POOL_TEXTS)
    CodecTrainer(run, pool, device_named(device)).train()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="training minutes in all")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    arguments = parser.parse_args()
    train(arguments.minutes, arguments.device)


if __name__ == "__main__":
    main()
