"""Plain sentences about anything, none of them for the assistant: the talk around it."""

from __future__ import annotations

import random

THINGS = (
    "shoes laptop phone guitar bicycle camera sofa car ticket dress painting printer battery "
    "dragon horse puppy elephant robot rocket planet moon ocean mountain river castle bridge "
    "teacher dentist lawyer neighbor boss president king queen actor singer writer novel movie "
    "film poem story website password email message letter photo picture video game football "
    "tennis baseball soccer chess match score team player pizza soup salad steak burger sandwich "
    "salmon curry noodles pancakes cake cookies wine beer juice recipe restaurant hotel flight "
    "train bus taxi airport station hospital school library museum theater bank market insurance "
    "mortgage salary bitcoin stocks dollars euros economy election war peace history physics math "
    "chemistry biology language religion philosophy window door table chair bed vacuum washer "
    "dishwasher oven fridge television curtains fan blinds microwave shower box bag key hammer "
    "ladder boat tree flower bird dog cat fish baby uncle farmer police army church factory "
    "meeting project report budget contract customer engine wheel road island forest storm gift"
).split()
PEOPLE = (
    "napoleon einstein shakespeare mozart obama lincoln cleopatra newton picasso beethoven madonna "
    "elvis gandhi darwin columbus caesar galileo tesla marie churchill mandela mom dad mother "
    "father brother sister uncle aunt grandma grandpa daughter son wife husband doctor"
).split()
PLACES = (
    "france germany italy spain brazil africa america canada mexico india japan china russia egypt "
    "australia rome vienna moscow california texas florida europe asia england ireland greece "
    "sweden norway"
).split()
_SUBJECTS = [
    *"i we you he she they it someone nobody everybody".split(),
    "my friend",
    "his boss",
    "her mother",
    "our neighbor",
    "the old man",
    "some people",
    "the children",
    "a woman",
    "the company",
    "this guy",
]
_DID = (
    "saw found lost bought sold made broke fixed took gave left liked hated wanted needed opened "
    "closed painted wrote read called met followed forgot remembered carried dropped cleaned moved "
    "built burned borrowed hid kept missed ordered stole used washed watched tried changed played "
    "turned set put switched stopped started added heard told asked"
).split()
_DO = (
    "see find lose buy sell make break fix take give leave like hate want need open close paint "
    "write read call meet follow forget remember carry drop clean move build burn borrow hide keep "
    "miss order steal use wash watch try"
).split()
_WILL = ["will", "can", "could", "should", "might", "would", "must", "will not", "never", "did not"]
_LIKE = (
    "old new big small red blue green cheap expensive strange beautiful heavy broken empty famous "
    "hungry tired angry happy sad lazy clever dangerous popular wooden round long short dirty clean"
).split()
_WHERE = (
    "in at near behind under on from with without over through across around next to inside"
).split()
_WHEN = [
    *"yesterday today again once twice sometimes always later often".split(),
    "last night",
    "last week",
    "this morning",
    "every day",
    "a long time ago",
    "two years ago",
    "on monday",
    "after lunch",
    "before dinner",
]
_LEAD = [
    "i think",
    "i know that",
    "you know",
    "he said that",
    "she told me",
    "and then",
    "but",
    "because",
    "if",
    "when",
    "well",
    "so",
    "apparently",
    "they say",
    "i heard that",
    "it seems",
]


def statement(rng: random.Random) -> str:
    """A made-up sentence of 3 to about 18 words, or two of them."""
    words = _question(rng) if rng.random() < 0.25 else _claim(rng)
    if rng.random() < 0.3:
        words = f"{rng.choice(_LEAD)} {words}"
    if rng.random() < 0.2:
        words += f" {rng.choice(('and', 'but', 'because', 'so', 'when'))} {_claim(rng)}"
    return words


def _thing(rng: random.Random) -> str:
    if rng.random() < 0.1:
        return rng.choice((rng.choice(PEOPLE), rng.choice(PLACES)))
    like = rng.choice(_LIKE) + " " if rng.random() < 0.3 else ""
    return f"{rng.choice(('the', 'the', 'a', 'my', 'his', 'that'))} {like}{rng.choice(THINGS)}"


def _where(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.5:
        return ""
    return f" {rng.choice(_WHEN)}" if kind < 0.75 else f" {rng.choice(_WHERE)} {_thing(rng)}"


def _claim(rng: random.Random) -> str:
    kind = rng.random()
    subject = rng.choice(_SUBJECTS) if rng.random() < 0.7 else _thing(rng)
    if kind < 0.55:
        return f"{subject} {rng.choice(_DID)} {_thing(rng)}{_where(rng)}"
    if kind < 0.75:
        return f"{subject} {rng.choice(_WILL)} {rng.choice(_DO)} {_thing(rng)}{_where(rng)}"
    be = rng.choice(("is", "was", "looks", "seems"))
    return f"{_thing(rng)} {be} {rng.choice(_LIKE)}{_where(rng)}"


def _question(rng: random.Random) -> str:
    subject = rng.choice(_SUBJECTS)
    ask = rng.choice(("did", "why did", "when did", "where did", "how did", "can", "will", "would"))
    return f"{ask} {subject} {rng.choice(_DO)} {_thing(rng)}{_where(rng)}"
