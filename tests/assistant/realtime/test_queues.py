"""What waits between socket and session is bounded on both sides."""

from __future__ import annotations

import asyncio

from vivavoce.assistant.realtime.queues import Inbox, Outbox


async def test_inbox_keeps_order_and_makes_a_fast_writer_wait() -> None:
    inbox = Inbox(10)
    await inbox.put("12345")
    await inbox.put("67890")
    late = asyncio.create_task(inbox.put("x"))
    await asyncio.sleep(0.01)
    assert not late.done()
    assert await inbox.get() == "12345"
    await asyncio.wait_for(late, 30)
    assert [await inbox.get(), await inbox.get()] == ["67890", "x"]


async def test_inbox_takes_one_message_of_any_size() -> None:
    inbox = Inbox(10)
    await asyncio.wait_for(inbox.put("y" * 100), 30)
    assert len(await inbox.get()) == 100


async def test_outbox_sends_in_order_and_drains() -> None:
    outbox = Outbox(1000)
    sent: list[str] = []

    async def send(text: str) -> None:
        await asyncio.sleep(0)
        sent.append(text)

    pump = asyncio.create_task(outbox.pump(send))
    for n in range(20):
        outbox.put(str(n))
    await asyncio.wait_for(outbox.drain(), 30)
    assert sent == [str(n) for n in range(20)]
    assert outbox.size == 0
    pump.cancel()


async def test_outbox_is_lost_when_nobody_reads_and_does_not_grow() -> None:
    outbox = Outbox(100)
    stuck = asyncio.Event()

    async def send(text: str) -> None:
        await stuck.wait()

    pump = asyncio.create_task(outbox.pump(send))
    for _ in range(50):
        outbox.put("0123456789")
        await asyncio.sleep(0)
    assert outbox.lost.is_set()
    assert outbox.size <= 100
    pump.cancel()
