"""What tests of the whole daemon share."""

from __future__ import annotations

import pytest


@pytest.fixture
def patient_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model may take its time to write down what is being said over a reply."""
    monkeypatch.setattr("vivavoce.assistant.recognition.PATIENCE_S", 60.0)
    monkeypatch.setattr("vivavoce.assistant.session.LONGEST_PAUSE_S", 60.0)
