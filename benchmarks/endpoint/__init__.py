"""When a turn is over: false cuts and delay, over spoken turns with pauses."""
