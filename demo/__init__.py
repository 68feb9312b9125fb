"""The demo's script and the recordings that play the person."""
