"""What the home is like right now: lights, heating, music, loudness, the shopping list.

Kept in memory and shared by every conversation of the daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

VOLUME_STEP_PERCENT = 10


@dataclass
class House:
    """The state of the home.

    Args:
        lights: brightness of each room's light in percent, 0 is off; rooms never spoken of are off.
        heat_degrees: the thermostat's target in degrees Celsius.
        music: the genre that is playing, "" for any, None for silence.
        on_volume: told the new loudness in percent whenever it changes.
    """

    lights: dict[str, int] = field(default_factory=dict)
    heat_degrees: int = 20
    music: str | None = None
    shopping: list[str] = field(default_factory=list)
    volume_percent: int = 80
    on_volume: list[Callable[[int], None]] = field(default_factory=list)

    def set_volume(self, percent: int) -> None:
        """Set the loudness, limited to 0 to 100 percent."""
        self.volume_percent = max(0, min(100, percent))
        for tell in self.on_volume:
            tell(self.volume_percent)
