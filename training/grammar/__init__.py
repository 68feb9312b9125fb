"""The domain of nano as text: what people say, the action it means, the reply.

turn = sample(random.Random(1))
turn.user      "could you set a timer for half an hour"
turn.action    "timer_set thirty minutes"
turn.reply     "timer set for thirty minutes"
"""

from .confirmations import is_asked
from .dialogues import dialogue
from .sampling import Turn, reject, sample
from .sentences import reply_sentences

__all__ = ["Turn", "dialogue", "is_asked", "reject", "reply_sentences", "sample"]
