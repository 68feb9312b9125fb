"""When each hanzi of a Chinese espeak recording is spoken.

espeak-ng's word events are not enough: some words of the dictionary are one event for two hanzi,
and the last words of a sentence may share one. Its phones are: nearly every syllable ends with a
`_|`, and each has one vowel.
"""

from __future__ import annotations

from .synthesis import Utterance

_VOWELS = "aeiouyAEIOUV@"
_NASALS = ("m", "ng")  # Cantonese 唔 and 五: syllables without a vowel
Span = tuple[int, int]


def hanzi_spans(utterance: Utterance, n_hanzi: int) -> list[Span] | None:
    """Start and end sample of every hanzi; None where the phones do not tell n_hanzi of them."""
    spans = [span for phones in _groups(utterance) for span in _split(phones)]
    return spans if len(spans) == n_hanzi else None


def _groups(utterance: Utterance) -> list[list[tuple[int, int, str]]]:
    """Phones (start, end, name) between two breaks."""
    phones = utterance.phones
    ends = [start for start, _ in phones[1:]] + [len(utterance.pcm)]
    groups: list[list[tuple[int, int, str]]] = [[]]
    for (start, name), end in zip(phones, ends, strict=True):
        if name.startswith("_"):
            groups.append([])
        elif not name.startswith("("):
            groups[-1].append((start, end, name))
    return [group for group in groups if group]


def _split(phones: list[tuple[int, int, str]]) -> list[Span]:
    """One group's syllables: a new one begins with the consonant before each later vowel."""
    vowels = [i for i, (_, _, name) in enumerate(phones) if name[0] in _VOWELS]
    starts = [0]
    for last, vowel in zip(vowels, vowels[1:], strict=False):
        starts.append(max(last + 1, vowel - 1))
    if not vowels and phones[-1][2] not in _NASALS:
        return []
    stops = starts[1:] + [len(phones)]
    return [(phones[a][0], phones[b - 1][1]) for a, b in zip(starts, stops, strict=True)]
