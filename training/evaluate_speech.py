"""How well nano's voice is understood by pocketsphinx, a recogniser that never heard it.

    python -m training.evaluate_speech --n 60

Word error rate with a bigram model of the domain: of the original recordings (is the scorer
sane?), after the codec (what the codec costs), and of the talker on texts no stage trained on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import jiwer
import numpy as np
import pocketsphinx
import torch
from tqdm import tqdm

from vivavoce.models.nano.voice import Voice, WordAudio

from .bigram import arpa
from .codec import shipped_codec
from .export import load_voice
from .speech_texts import reply_texts, voice_texts
from .synthesis import RATE_HZ, flite
from .voice_pool import respelt, say
from .voices import OWN_VOICES

N_MODEL_TEXTS = 20_000
PAD_S = 0.2


class Listener:
    """pocketsphinx with the domain's words and bigrams."""

    def __init__(self, texts: list[str]) -> None:
        model = Path(pocketsphinx.get_model_path()) / "en-us"
        known = _dictionary(model / "cmudict-en-us.dict")
        words = sorted({word for text in texts for word in text.split()})
        lines = [line for word in words for line in _entries(word, known)]
        with tempfile.TemporaryDirectory() as folder:
            dictionary, language = Path(folder, "words.dict"), Path(folder, "domain.arpa")
            dictionary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            language.write_text(arpa(text.split() for text in texts), encoding="utf-8")
            self._decoder = pocketsphinx.Decoder(
                hmm=str(model / "en-us"), lm=str(language), dict=str(dictionary), loglevel="FATAL"
            )

    def hear(self, pcm: np.ndarray) -> str:
        """The words in float32 pcm [n] at 16 kHz."""
        padded = np.pad(pcm, round(PAD_S * RATE_HZ))
        self._decoder.start_utt()
        samples = (np.clip(padded, -1, 1) * 32767).astype(np.int16)
        self._decoder.process_raw(samples.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def word_error_rate(self, texts: list[str], speak: Callable[[str], np.ndarray]) -> float:
        """Of all texts together, each spoken by `speak`."""
        heard = [self.hear(speak(text)) for text in tqdm(texts, desc="listening", leave=False)]
        return float(jiwer.wer(texts, heard))


def _dictionary(path: Path) -> dict[str, list[str]]:
    """Word → its pronunciations."""
    entries: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, phones = line.partition(" ")
        entries.setdefault(name.split("(")[0], []).append(phones)
    return entries


def _entries(word: str, known: dict[str, list[str]]) -> Iterator[str]:
    """Dictionary lines of a word; what CMUdict lacks is pronounced as the voice does."""
    spoken = known.get(word, []) + [" ".join(flite.pronounce(respelt(word)))]
    for i, phones in enumerate(dict.fromkeys(spoken)):
        yield f"{word}({i + 1}) {phones}" if i else f"{word} {phones}"


@lru_cache(maxsize=1)
def domain_listener() -> Listener:
    """A listener that knows the texts the voice is trained on, not those it is tested on."""
    return Listener(list(islice(voice_texts(seed=0), N_MODEL_TEXTS)))


def original(text: str) -> np.ndarray:
    """The recording the voice learns from."""
    return say(text, OWN_VOICES[0]).pcm


def through_codec() -> Callable[[str], np.ndarray]:
    """Speaks the recording, coded and decoded."""
    codec = shipped_codec()

    def speak(text: str) -> np.ndarray:
        pcm = torch.from_numpy(original(text))[None]
        with torch.inference_mode():
            codes = codec.encode(pcm, 0)
            made: np.ndarray = codec.decoder(codes, torch.zeros_like(codes)).samples[0].numpy()
        return made

    return speak


def by_voice(voice: Voice) -> Callable[[str], np.ndarray]:
    """Speaks with nano's own voice."""

    def speak(text: str) -> np.ndarray:
        parts = voice.speak(iter(text.split()))
        return np.concatenate([part.pcm for part in parts if isinstance(part, WordAudio)])

    return speak


def held_out_texts(n: int, seed: int) -> list[str]:
    """Replies no stage of the voice trained on."""
    return list(islice(reply_texts(seed, held_out=True), n))


def speech_report(n: int, seed: int) -> dict[str, float]:
    """Word error rates over n held-out replies, of what is shipped."""
    listener, texts = domain_listener(), held_out_texts(n, seed)
    return {
        "original_wer": listener.word_error_rate(texts, original),
        "codec_wer": listener.word_error_rate(texts, through_codec()),
        "talker_wer": listener.word_error_rate(texts, by_voice(load_voice())),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=60, help="number of held-out replies")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, value in speech_report(arguments.n, arguments.seed).items():
        print(f"{name:15} {value:6.1%}")


if __name__ == "__main__":
    main()
