"""Sound in time: frames, resampling, voice activity, endpoints, codecs, capture and playout.

Knows numpy and audio libraries; no torch, no asyncio, no network. Times are sample indices.
"""
