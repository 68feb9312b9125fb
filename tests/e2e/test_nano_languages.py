"""nano in three languages behind the real daemon: what a client is told and can demand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from websockets.asyncio.client import connect

from tests.support.order_check import assert_in_order
from tests.support.scripted_daemon import speak, text_item
from tests.support.scripted_nano import thinking, trilingual, turn
from tests.support.served import RawClient
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.models.nano.hearing import HearingState


async def test_a_client_learns_and_demands_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    nano = trilingual(confirm_probability=0.8)
    config = load_config(overrides={"server": {"port": 0}, "audio": {"enabled": False}})
    async with (
        Daemon(config, model=nano) as daemon,
        connect(daemon.url + "?model=nano", max_size=None, max_queue=None) as socket,
    ):
        client = RawClient(socket)
        await client.until("session.created", 30)
        await client.send("session.update", session={"type": "realtime", "dialect": "shanghainese"})
        assert "choose one of auto, en, cmn, yue" in (await client.error())["message"]
        transcribed = {"turn_detection": None, "transcription": {"model": "any"}}
        session = {"dialect": "sichuanese", "audio": {"input": transcribed}}
        session["output_modalities"] = ["text"]
        await client.send("session.update", session={"type": "realtime", **session})
        assert (await client.until("session.updated"))[-1]["session"]["dialect"] == "cmn"

        # Demanded: no mark is the model's own choice, so none is among the tokens it writes.
        with thinking(nano, turn(nano, "vol_up", "好的大声一点", sure=(0.9, 0.95))):
            await client.send("conversation.item.create", item=text_item("louder"))
            await client.send("response.create")
            response = (await client.until("response.done", 30))[-1]["response"]
        assert response["output"][0]["content"][0]["text"] == "好的大声一点"
        (action,) = json.loads(response["metadata"]["vivavoce.actions"])
        assert action == {"name": "vol_up", "arguments": {}, "confidence": 0.855}

        # Left to the model: what was heard has a language, in doubt it asks in that of the reply.
        await client.send("session.update", session={"type": "realtime", "dialect": "auto"})
        await client.until("session.updated")
        tokens = tuple(nano.text.encode("熄咗廚房盞燈"))

        def close(state: HearingState, thinker: object) -> tuple[list, HearingState]:
            sure = 0.9 * len(tokens)
            return [], HearingState(state.samples, state.encoder, tokens, confidence=sure)

        monkeypatch.setattr(nano.ear, "close", close)
        with thinking(nano, turn(nano, "light_off kitchen", language="yue", sure=(0.8,))):
            await speak(client, np.zeros(8000, np.float32))
            await client.send("input_audio_buffer.commit")
            await client.send("response.create")
            events = await client.until("response.done", 30)
        (heard,) = [e for e in events if e["type"].endswith("transcription.completed")]
        assert (heard["transcript"], heard["languages"]) == ("熄咗廚房盞燈", [{"code": "yue"}])
        response = events[-1]["response"]
        assert response["output"][0]["content"][0]["text"] == "要唔要熄廚房嘅燈"
        assert response["metadata"] == {"vivavoce.language": "yue"}
        counted = daemon.metrics.registry.get_sample_value
        assert counted("vivavoce_action_confidence_count", {"action": "vol_up"}) == 1
        assert counted("vivavoce_action_confidence_count", {"action": "light_off"}) is None
        assert_in_order(client.seen)
