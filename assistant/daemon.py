"""The daemon: one model, one engine, one port, and this machine's microphone and speaker.

async with Daemon(config) as daemon:
    print(daemon.url)
    await daemon.run_until(stop)
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import Self

from ..models.dialogue import SpeechModel, Unsupported
from ..streaming.devices import DeviceUnavailable
from ..streaming.playout import Playout
from ..streaming.vad import VadUnavailable, make_vad
from .core.notices import Notice
from .echo_metrics import EchoMetrics
from .engine import Engine
from .errors import UserError
from .garbage import leave_the_loaded_alone
from .http.access import Rules, is_loopback
from .http.app import make_app
from .http.listener import Listener, bind
from .languages import AUTO, known_language
from .local import LocalSound, log_notice
from .metrics import Metrics, SessionMeter
from .realtime.service import Limits, Service
from .recorder import Recorder
from .session import Session, SessionSettings
from .session_defaults import session_defaults
from .settings import Config
from .skills.house import House
from .skills.registry import SkillSet
from .sound_metrics import SoundCardMetrics
from .wake_ear import make_wake_ear

if TYPE_CHECKING:
    from ..models.load_options import LoadOptions

log = logging.getLogger(__name__)

REALTIME_PATH = "/v1/realtime"
LOOK_FOR_SOUND_S = 15.0
"""Where there are no devices, so often another process looks (0.15 s of a core)."""


class Daemon:
    """See the module's text.

    Args:
        config: everything that can be set.
        model: used instead of loading the one the configuration names.
    """

    def __init__(self, config: Config, model: SpeechModel | None = None) -> None:
        _check_exposure(config)
        _check_detector(config)
        _check_wake_word(config)
        self.config = config
        self.house = House(volume_percent=config.audio.volume_percent)
        self.metrics = Metrics()
        self._model = model
        self._engine: Engine | None = None
        self._listener: Listener | None = None
        self._local: LocalSound | None = None
        self._looking: asyncio.Task[None] | None = None
        """Looks for sound devices where there were none."""
        self._closing = asyncio.Event()
        self._port = config.server.port
        self._bound: socket.socket | None = None
        self.model_left_behind = False

    @property
    def url(self) -> str:
        """Where Realtime clients connect."""
        host = self.config.server.host
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(
            host, f"[{host}]" if ":" in host else host
        )
        return f"ws://{shown}:{self._port}{REALTIME_PATH}"

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set or the port closes."""
        assert self._listener is not None
        waiting = {
            asyncio.create_task(stop.wait(), name="stop"),
            asyncio.create_task(self._listener.wait(), name="port closed"),
        }
        _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    def bind(self) -> None:
        """Take the port, before a model is fetched or loaded; connections come later.

        Raises:
            UserError: it is taken, or is not ours to take.
        """
        if self._bound is None:
            self._bound = bind(self.config.server.host, self.config.server.port)

    async def close(self) -> None:
        """End every conversation, close the port and the devices; twice is fine.

        model_left_behind says then whether a thread still computes: nothing can end it, and
        Python cannot end in order while it does.
        """
        self._closing.set()
        if self._looking is not None:
            await self._looking  # not cancelled: a device half open would stay so
        if self._local is not None:
            await self._local.close()
        if self._listener is not None:
            await self._listener.stop()
        if self._bound is not None:
            self._bound.close()
        if self._engine is not None:
            self.model_left_behind = not await self._engine.close()
        self._local = self._listener = self._engine = self._bound = self._looking = None

    # --- starting ----------------------------------------------------------------------------

    async def _start(self) -> None:
        _make_recordings_folder(self.config)
        self.bind()
        model = self._model or await load_model(self.config)
        _check_choices(self.config, model)
        if not model.calls_functions:
            log.info("%s calls no functions: timers, lights and other skills rest", model.name)
        if not model.changes_rate and self.config.assistant.speaking_rate != 1:
            log.warning("%s speaks at its own rate: speaking_rate has no effect", model.name)
        self._engine = engine = Engine(
            model, on_call=self.metrics.model_call, on_sound=self.metrics.reply_made
        )
        self.metrics.queue.set_function(engine.n_waiting)
        service = Service(
            open_session=self._session,
            model=model.name,
            voices=model.voices,
            base=self.session_settings(model),
            languages=model.languages,
            modalities=model.modalities,
            calls_functions=model.calls_functions,
            changes_rate=model.changes_rate,
            not_ready=engine.troubles,
            sound=lambda: {} if self._local is None else self._local.report(),
            microphone=lambda: None if self._local is None else self._local.microphone,
            created_s=int(time.time()),
        )
        limits = self._limits()
        app = make_app(service, self._rules(), limits, self.metrics)
        server = self.config.server
        self._listener = Listener(app, server.host, server.port, limits, self._bound)
        self._port = await self._listener.start()
        if self.config.audio.enabled:
            await self._start_local(model)

    async def _start_local(self, model: SpeechModel) -> None:
        """Converse through microphone and loudspeaker; now, or when there are any."""
        try:
            await self._converse_locally(model)
        except DeviceUnavailable as error:
            log.warning("No local sound, only the WebSocket is served: %s.", error)
            self._looking = asyncio.create_task(self._look_for_sound(model), name="look for sound")

    async def _look_for_sound(self, model: SpeechModel) -> None:
        """Until there are devices, or the daemon ends."""
        while self._local is None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closing.wait(), LOOK_FOR_SOUND_S)
            if self._closing.is_set():
                return
            try:
                await self._converse_locally(model)
                log.info("There is sound now: the conversation in the room begins.")
            except DeviceUnavailable as error:
                log.debug("still no sound: %s", error)
            except Exception:  # the supervisor: clients on the socket are served all the same
                log.exception("the sound devices cannot be used")
                return

    async def _converse_locally(self, model: SpeechModel) -> None:
        assert self._engine is not None
        config = self.config
        opening = LocalSound.open(config.audio, config.microphone, self.house, self.metrics)
        self._local = await opening
        self.metrics.registry.register(EchoMetrics(self._local.card.front_end))
        self.metrics.registry.register(SoundCardMetrics(self._local.card))
        settings = self.session_settings(model)
        settings = replace(settings, core=replace(settings.core, transcribe=True))  # for the log
        meter = SessionMeter(self.metrics)

        def told(notice: Notice) -> None:
            meter.notice(notice, model.output_rate_hz)
            log_notice(notice)

        session = self._session(told, settings, self._local.card.playout)
        await self._local.converse(session, settings, meter)

    def session_settings(self, model: SpeechModel) -> SessionSettings:
        """What a session begins with."""
        pure = self.new_skills().pure
        return session_defaults(self.config, pure, model.output_rate_hz, model.input_rate_hz)

    def new_skills(self) -> SkillSet:
        """The skills of one more conversation."""
        skills = self.config.skills
        return SkillSet(
            house=self.house,
            disabled=skills.disabled,
            default_city=skills.default_city,
            seed=skills.seed,
        )

    def _session(
        self,
        emit: Callable[[Notice], None],
        settings: SessionSettings,
        playout: Playout | None = None,
    ) -> Session:
        """One more conversation; the caller opens and closes it."""
        assert self._engine is not None
        return Session(
            self._engine,
            emit,
            settings,
            skills=self.new_skills(),
            playout=playout,
            seed=secrets.token_hex(4),
            recorder=self._recorder(),
        )

    def _recorder(self) -> Recorder | None:
        """A recorder for one more session, where recording is wanted."""
        if not self.config.recorder.folder:
            return None
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        return Recorder(Path(self.config.recorder.folder).expanduser() / name)

    def _limits(self) -> Limits:
        server = self.config.server
        return Limits(
            sessions=server.max_sessions, session_s=server.session_max_s, idle_s=server.idle_max_s
        )

    def _rules(self) -> Rules:
        server = self.config.server
        return Rules(
            host=server.host,
            api_key=server.api_key,
            allowed_hosts=server.allowed_hosts,
            allowed_origins=server.allowed_origins,
        )


async def load_model(config: Config) -> SpeechModel:
    """Load the model the configuration names, off the event loop.

    Raises:
        UserError: there is no such model, or its weights are missing or do not fit.
    """
    limit_threads(config)
    from ..models import catalog

    began_s = time.perf_counter()
    try:
        options = load_options(config)
        model = await asyncio.to_thread(catalog.load, config.model.name, options)
    except (KeyError, FileNotFoundError, ValueError, Unsupported) as error:
        reason = error if isinstance(error, OSError) or not error.args else error.args[0]
        raise UserError(f"The model {config.model.name!r} cannot be loaded: {reason}.") from error
    leave_the_loaded_alone()
    log.info("%s loaded in %.1f s", model.name, time.perf_counter() - began_s)
    return model


def limit_threads(config: Config) -> None:
    """Threads of libraries that read this at their first import; PyTorch is told on loading."""
    if config.model.threads:
        os.environ.setdefault("OMP_NUM_THREADS", str(config.model.threads))


def load_options(config: Config) -> LoadOptions:
    """How the model computes, as the configuration says."""
    from ..models.load_options import Blocks, LoadOptions, MingOptions

    model, habits = config.model, config.ming
    ming = MingOptions(
        blocks=Blocks() if habits.hearing == "blocks" else None,
        talker_reads=habits.talker_reads,
        thinking=habits.thinking,
        system_role=habits.instructions_as == "role",
    )
    return LoadOptions(model.device, model.dtype, model.quantize, model.hub, model.threads, ming)


def _check_choices(config: Config, model: SpeechModel) -> None:
    """Voice and language must be the model's."""
    wanted = config.assistant
    if "audio" in model.modalities and not model.voices:
        raise UserError(f"{model.name} has no voice yet; make one with `vivavoce voices add`.")
    language = known_language(wanted.language, model.languages)
    for what, name, known, choices in (
        ("voice", wanted.voice, wanted.voice in ("", *model.voices), model.voices),
        ("language", wanted.language, language is not None, (AUTO, *model.languages)),
    ):
        if not known:
            raise UserError(
                f"{model.name} has no {what} {name!r}; choose one of {', '.join(choices)}."
            )


def _make_recordings_folder(config: Config) -> None:
    """What cannot be recorded must be said now, not when somebody calls."""
    if not config.recorder.folder:
        return
    folder = Path(config.recorder.folder).expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UserError(f"Cannot record into {folder}: {error.strerror}.") from error


def _check_detector(config: Config) -> None:
    """The voice activity detector must load now, not when somebody calls."""
    try:
        make_vad(config.turn.vad)
    except VadUnavailable as error:
        raise UserError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def _check_wake_word(config: Config) -> None:
    """The wake word must load now, not after the model."""
    if config.audio.enabled:
        make_wake_ear(config.microphone)


def _check_exposure(config: Config) -> None:
    """Nobody but this machine may connect without a key."""
    server = config.server
    if not is_loopback(server.host) and not server.api_key:
        raise UserError(
            f"Refusing to listen on {server.host} without a key: anyone in that network could "
            "listen in. Give one with --api-key KEY (or VIVAVOCE_SERVER__API_KEY), or stay on "
            "127.0.0.1."
        )
