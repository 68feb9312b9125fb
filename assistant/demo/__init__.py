"""The demo: a whole spoken conversation with the daemon, held by recordings in real time."""
