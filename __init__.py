"""Viva Voce: a real-time voice assistant daemon."""
