"""What can be configured: one model per section, each field with its meaning and unit.

`configs/default.toml` lists the same fields with the same defaults (a test compares them).
How the layers come together is `config.py`'s affair.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .core.phrases import BACKCHANNELS, STOP_PHRASES


class Section(BaseModel):
    """A section knows its keys; others are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ServerSettings(Section):
    """The daemon's one port."""

    host: str = Field("127.0.0.1", description="address; others than loopback need api_key")
    port: int = Field(8765, ge=0, le=65535, description="TCP port; 0 takes a free one")
    api_key: str = Field("", description="clients must send this key; empty: none, loopback only")
    allowed_origins: tuple[str, ...] = Field(
        (), description="web page origins that may connect beside the daemon's own"
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="host names that requests may carry beside the bound address and localhost"
    )
    max_sessions: int = Field(8, ge=1, description="conversations at the same time")
    session_max_s: float = Field(3600.0, gt=0, description="longest conversation, seconds")
    idle_max_s: float = Field(1800.0, gt=0, description="longest silence of a client, seconds")
    send_lead_ms: int = Field(
        500,
        ge=0,
        description="reply audio goes out this far ahead of its playing, "
        "milliseconds; 0: as fast as it is made",
    )


class ModelSettings(Section):
    """Which speech model answers, and how it computes."""

    name: str = Field(
        "nano", description="a name shown by `vivavoce models list`, or a model's folder"
    )
    hub: str = Field(
        "", description="model hub or mirror to download from; empty: HF_ENDPOINT, else the hub"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where the model computes; auto: on a GPU where there is one"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="number format it computes in; auto: the one of its files"
    )
    quantize: Literal["none", "int8", "int4"] = Field(
        "none", description="weight-only quantisation, saves memory; nano takes none or int8"
    )
    threads: int = Field(
        1, ge=0, description="CPU threads of the model, small ones want 1; 0: all cores"
    )


class MingSettings(Section):
    """Habits of the Ming models; others know nothing of it."""

    hearing: Literal["exact", "blocks"] = Field(
        "exact",
        description="exact: a turn is encoded as a whole, at its pauses; blocks: while the person "
        "speaks, which is sooner done and deviates",
    )
    thinking: bool = Field(
        False, description="reason before each answer; the reasoning is not spoken, but waited for"
    )
    talker_reads: bool = Field(
        False, description="the voice is given what the language model made of the question"
    )
    instructions_as: Literal["words", "role"] = Field(
        "words",
        description="words: instructions stand before the person's first words; role: under a "
        "role of their own",
    )


class AssistantSettings(Section):
    """Who speaks."""

    voice: str = Field("", description="one of the model's voices; empty takes its own")
    speaking_rate: float = Field(
        1.0,
        ge=0.25,
        le=1.5,  # the protocol's own range of `speed`
        description="how fast replies are spoken: 1.25 is a quarter faster, at the same pitch",
    )
    language: str = Field(
        "auto", description="language the person speaks and is answered in, or auto"
    )
    instructions: str = Field("", description="standing instructions given to the model")


class AudioSettings(Section):
    """Microphone and loudspeaker of this machine."""

    enabled: bool = Field(True, description="converse through microphone and speaker")
    backend: Literal["auto", "sounddevice", "pyaudio"] = Field(
        "auto", description="library that reaches the devices; auto: the first one that is there"
    )
    input_device: str = Field("", description="from `vivavoce devices`; empty: default")
    output_device: str = Field("", description="from `vivavoce devices`; empty: default")
    echo: Literal["auto", "apm", "duck", "half_duplex", "none"] = Field(
        "auto",
        description="what keeps it from hearing itself; auto: the first of the following that "
        "works here; apm: the echo is cancelled (needs livekit); duck: replies grow softer while "
        "somebody may be speaking, only a voice louder than the loudspeaker is heard; "
        "half_duplex: deaf while the loudspeaker sounds; none: for headsets",
    )
    noise_suppression: bool = Field(
        False, description="take steady noise out of the microphone (needs livekit)"
    )
    gain_control: bool = Field(
        False, description="bring voices to an even loudness (needs livekit)"
    )
    volume_percent: int = Field(80, ge=0, le=100, description="loudness at start, percent")


class MicrophoneSettings(Section):
    """When this machine's microphone hears. It can be muted and pushed in every case."""

    activation: Literal["always", "wake_word", "push_to_talk"] = Field(
        "always",
        description="always: it hears all the time; wake_word: after its word (needs the extra "
        "wakeword); push_to_talk: while a button is held",
    )
    wake_word: str = Field(
        "hey jarvis",
        description="okay nabu, hey jarvis, hey mycroft, alexa, or the path of a microWakeWord "
        "model (.json or .tflite)",
    )
    wake_threshold: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="how sure the wake word must be, 0 to 1; 0: as its model says",
    )
    listen_s: float = Field(
        6.0, ge=1, le=60, description="after the wake word, wait so long for speech, seconds"
    )
    follow_up_s: float = Field(
        6.0,
        ge=0,
        le=60,
        description="after a reply was heard, speech needs no wake word for so long, seconds",
    )
    chime: Literal["never", "wake_word", "always"] = Field(
        "wake_word",
        description="a short sound that says: I listen; wake_word: after its word, unless the "
        "command follows in one breath; always: when the button is pushed, too",
    )
    muted: bool = Field(False, description="begin muted: the microphone's stream is closed")


class TurnSettings(Section):
    """When the person's turn begins and ends."""

    vad: Literal["auto", "webrtc", "silero"] = Field(
        "auto",
        description="voice activity detector; auto: silero where it is installed, webrtc elsewhere",
    )
    threshold: float = Field(0.5, gt=0, le=1, description="how sure the detector must be, 0 to 1")
    prefix_padding_ms: int = Field(
        300, ge=0, le=2000, description="audio kept from before the detected start, milliseconds"
    )
    soft_end_ms: int = Field(
        200, ge=20, le=2000, description="silence after which a reply is prepared, milliseconds"
    )
    detection: Literal["silence", "semantic"] = Field(
        "semantic",
        description="what ends the turn; silence: silence_ms of it, always; semantic: less after "
        "what sounds finished, more after what does not, as far as the model can tell",
    )
    silence_ms: int = Field(
        500, ge=100, le=2000, description="silence: how long it lasts, milliseconds"
    )
    eagerness: Literal["low", "medium", "high", "auto"] = Field(
        "auto", description="semantic: how soon to answer; auto is medium"
    )
    learn_pauses: bool = Field(
        True, description="semantic: wait longer for a speaker who pauses long"
    )
    longest_s: float = Field(
        30.0,
        ge=0,
        le=600,
        description="a turn longer than this is answered as it stands, noise that never pauses "
        "too, seconds; 0: no limit",
    )
    speculation: bool = Field(
        True, description="prepare the reply at the soft end instead of waiting for the turn's end"
    )


class BargeInSettings(Section):
    """What happens when the person speaks while the assistant does."""

    mode: Literal["instant", "polite", "wait", "off"] = Field(
        "polite",
        description="instant: stop at the first sure voice; polite: pause, stop if something is "
        "said; wait: go on, what was said is answered after it; off: go on, do not listen "
        "meanwhile",
    )
    confirm_phones: float = Field(
        4.0,
        ge=0,
        le=20,
        description="polite, wait: so many different phones count as speech, where no words "
        "could be read or none that are sure; what lasts long takes more",
    )
    confirm_ms: int = Field(
        540,
        ge=1,
        le=2000,
        description="polite, wait: speech that counts by its length, where the model tells no "
        "phones and no sure words, milliseconds",
    )
    backchannels: tuple[str, ...] = Field(
        BACKCHANNELS, description="what is murmured while listening: polite and wait forget it"
    )
    stop_phrases: tuple[str, ...] = Field(
        STOP_PHRASES,
        description="what silences the assistant, unanswered, in every mode but off",
    )


class SkillSettings(Section):
    """The assistant's own tools."""

    disabled: tuple[str, ...] = Field((), description="skills that shall not be offered")
    default_city: str = Field(
        "", description="city to name if the weather is asked for without one"
    )
    seed: int = Field(0, ge=0, description="of coin, dice and jokes; 0: a fresh one each start")


class RecorderSettings(Section):
    """Recording for `vivavoce replay`. It stores what people say: off unless asked for."""

    folder: str = Field("", description="where sessions go; empty: no recording")


class LogSettings(Section):
    """The daemon's log, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level shown"
    )


class Config(Section):
    """The whole configuration, in effect."""

    server: ServerSettings = ServerSettings()
    model: ModelSettings = ModelSettings()
    ming: MingSettings = MingSettings()
    assistant: AssistantSettings = AssistantSettings()
    audio: AudioSettings = AudioSettings()
    microphone: MicrophoneSettings = MicrophoneSettings()
    turn: TurnSettings = TurnSettings()
    barge_in: BargeInSettings = BargeInSettings()
    skills: SkillSettings = SkillSettings()
    recorder: RecorderSettings = RecorderSettings()
    log: LogSettings = LogSettings()
    preset: Annotated[str, Field(description="the preset this configuration builds on")] = "default"
