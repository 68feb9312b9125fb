"""How well nano's voices are understood.

    python -m training.evaluate_speech --n 60 --languages en,cmn,yue

English by pocketsphinx, a recogniser that never heard it, with a bigram model of the domain: word
error rate. Mandarin and Cantonese by nano's own encoder: character error rate. Of the original
recordings (is the judge sane?), after the codec (what the codec costs), and of the talker on texts
no stage trained on. Beside that how far the codec moves spectrum and melody: see distortion.py.
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
from .chinese_listener import ChineseListener
from .chinese_texts import replies as chinese_replies
from .codec import Codec, shipped_codec
from .distortion import codec_distortion
from .export import load_voice
from .languages import language_list
from .speech_texts import reply_texts, voice_texts
from .synthesis import RATE_HZ, flite
from .voice_pool import respelt, say
from .voices import OwnVoice, voices_of

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


Speaker = Callable[[str], np.ndarray]
"""Says a text as float32 [n] at 16 kHz."""


def speakers(own: OwnVoice, codec: Codec, voice: Voice, rate: float) -> dict[str, Speaker]:
    """The three that say a text: the recording, the same through the codec, and nano."""

    def original(text: str) -> np.ndarray:
        return say(text, own).pcm

    def through_codec(text: str) -> np.ndarray:
        with torch.inference_mode():
            codes = codec.encode(torch.from_numpy(original(text))[None])
            voices = torch.full_like(codes, own.number)
            made: np.ndarray = codec.decoder(codes, voices, rate).samples[0].numpy()
        return made

    def talker(text: str) -> np.ndarray:
        parts = voice.speak(iter(text.split()), voice=own.name, rate=rate)
        return np.concatenate([part.pcm for part in parts if isinstance(part, WordAudio)])

    return {"original": original, "codec": through_codec, "talker": talker}


def held_out_texts(language: str, n: int, seed: int) -> list[str]:
    """Replies no stage of the voice trained on."""
    if language == "en":
        return list(islice(reply_texts(seed, held_out=True), n))
    return list(islice(chinese_replies(seed, language, held_out=True), n))


def speech_report(
    n: int, seed: int, language: str = "en", rate: float = 1.0, ear: str | None = None
) -> dict[str, float]:
    """Error rates over n held-out replies, of what is shipped.

    Args:
        n: replies.
        seed: of the replies.
        language: of the voice. English is heard by pocketsphinx and its words are counted, Chinese
            by nano's encoder and its hanzi are counted.
        rate: speaking rate of codec and talker.
        ear: the stage whose checkpoint listens to Chinese; None for what is shipped.
    """
    (own,) = voices_of([language])
    texts, codec = held_out_texts(language, n, seed), shipped_codec(own.speaker)
    everybody = speakers(own, codec, load_voice(), rate)
    if language == "en":
        judge, unit = domain_listener().word_error_rate, "wer"
    else:
        judge, unit = ChineseListener(ear).error_rate, "cer"
    figures = {f"{name}_{unit}": judge(texts, speak) for name, speak in everybody.items()}
    recordings = [torch.from_numpy(say(text, own).pcm) for text in texts]
    distortion = codec_distortion(codec, recordings, own.number)
    return {**figures, "codec_mcd_db": distortion.mcd_db, "codec_melody": distortion.melody}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=60, help="number of held-out replies")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--languages", default="en,cmn,yue", type=language_list)
    parser.add_argument("--rate", type=float, default=1.0, help="speaking rate")
    parser.add_argument("--ear", help="stage whose checkpoint listens, instead of the shipped ear")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for language in options.languages:
        figures = speech_report(options.n, options.seed, language, options.rate, options.ear)
        for name, value in figures.items():
            shown = f"{value:6.1%}" if name.endswith("er") else f"{value:6.2f}"
            print(f"{language:4} {name:13} {shown}", flush=True)


if __name__ == "__main__":
    main()
