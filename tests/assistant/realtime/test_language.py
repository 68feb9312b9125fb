"""What a client says of language and dialect, from the wire to the model's dialogue."""

from __future__ import annotations

import json

import pytest

from tests.support.scripted_model import ScriptedModel
from vivavoce.assistant.errors import PeerFault
from vivavoce.assistant.languages import known_language, language_code
from vivavoce.assistant.model_items import dialogue_options
from vivavoce.assistant.realtime.session_object import Offer, SessionEditor
from vivavoce.assistant.realtime.translate import session_settings
from vivavoce.assistant.session import SessionSettings

NANO = ("en", "cmn", "yue")
MING = ("mandarin", "cantonese", "sichuanese", "shanghainese", "minnan", "english")


def editor(languages: tuple[str, ...] = MING, language: str = "auto") -> SessionEditor:
    return SessionEditor(
        Offer(model="ming", voices=("luna",), languages=languages, language=language), "sess_1"
    )


def spoken(edit: SessionEditor) -> str:
    """What the conversation takes the person to speak."""
    return session_settings(edit.session, SessionSettings()).core.language


def shown(edit: SessionEditor) -> dict[str, object]:
    return json.loads(edit.session.model_dump_json())


@pytest.mark.parametrize("key", ["language", "dialect"])
@pytest.mark.parametrize("name", ["auto", *MING])
def test_every_name_is_taken_echoed_and_used(key, name):
    edit = editor()
    edit.update({"type": "realtime", key: name})
    assert shown(edit)[key] == name
    assert spoken(edit) == name


def test_nothing_is_shown_before_somebody_says_it():
    assert not {"language", "dialect"} & shown(editor()).keys()
    assert shown(editor(language="minnan"))["language"] == "minnan"


def test_a_dialect_says_more_than_a_language():
    edit = editor()
    edit.update({"language": "zh", "dialect": "sichuanese"})
    assert shown(edit)["language"] == "mandarin"
    assert spoken(edit) == "sichuanese"
    edit.update({"dialect": "auto"})
    assert spoken(edit) == "mandarin"
    edit.update({"dialect": None, "language": None})
    assert spoken(edit) == "auto"
    assert not {"language", "dialect"} & shown(edit).keys()


def test_null_asks_for_the_daemons_own_language_again():
    edit = editor(language="cantonese")
    edit.update({"language": "english"})
    assert spoken(edit) == "english"
    edit.update({"language": None})
    assert spoken(edit) == "cantonese"


@pytest.mark.parametrize("key", ["language", "dialect"])
def test_an_unknown_language_changes_nothing(key):
    edit = editor()
    with pytest.raises(PeerFault, match="choose one of auto, mandarin, cantonese") as caught:
        edit.update({"instructions": "new", key: "klingon"})
    assert caught.value.code == "invalid_value" and caught.value.param == f"session.{key}"
    assert shown(edit)["instructions"] == ""
    with pytest.raises(PeerFault):
        edit.update({key: 3})


@pytest.mark.parametrize(
    ("wanted", "languages", "found"),
    [
        ("English", ("en",), "en"),
        ("en-GB", MING, "english"),
        ("zh_CN", MING, "mandarin"),
        ("Hokkien", MING, "minnan"),
        ("粤语", MING, "cantonese"),
        ("粵語", NANO, "yue"),
        ("廣東話", NANO, "yue"),
        ("普通話", NANO, "cmn"),
        ("英文", NANO, "en"),
        ("zh-Hant-HK", NANO, "yue"),
        ("zh-Hant", NANO, "cmn"),
        ("四川話", MING, "sichuanese"),
        ("AUTO", (), "auto"),
        ("cantonese", ("en",), None),
        ("fr", ("en", "fr"), "fr"),
        ("", MING, None),
        ("en-ZA", MING, "english"),
        ("zh-SG", MING, "mandarin"),
        ("zh-HK", MING, "cantonese"),
        ("fr-CA", ("fr",), "fr"),
        ("cantonese", NANO, "yue"),
        ("zh-TW", NANO, "cmn"),
        ("putonghua", NANO, "cmn"),
        ("sichuanese", NANO, "cmn"),
        ("四川话", NANO, "cmn"),
        ("sichuanese", ("en",), None),
        ("shanghainese", NANO, None),
        ("hokkien", NANO, None),
        ("fr-CA", MING, None),
    ],
)
def test_usual_names_find_the_models_own(wanted, languages, found):
    assert known_language(wanted, languages) == found


@pytest.mark.parametrize("languages", [MING, NANO])
def test_every_language_has_a_code_that_leads_back_to_it(languages):
    for name in languages:
        assert known_language(language_code(name), languages) == name


def test_a_dialect_nano_does_not_have_is_its_nearest_language_or_refused():
    edit = SessionEditor(Offer(model="nano", voices=("slt",), languages=NANO), "sess_1")
    edit.update({"dialect": "sichuanese"})
    assert shown(edit)["dialect"] == "cmn" and spoken(edit) == "cmn"
    with pytest.raises(PeerFault, match="nano does not know 'minnan'; choose one of auto, en, cmn"):
        edit.update({"dialect": "minnan"})


def test_what_was_not_understood_has_no_code():
    assert language_code("auto") is None and language_code("klingon") == "klingon"


def test_codes_are_the_usual_ones_whatever_a_model_calls_its_languages():
    assert [language_code(name) for name in NANO] == ["en", "zh", "yue"]
    assert [language_code(name) for name in MING[:2]] == ["zh", "yue"]


def test_the_hint_for_transcripts_is_their_own_or_what_the_person_speaks():
    edit = editor()

    def hint(update):
        edit.update(update)
        return session_settings(edit.session, SessionSettings()).written_language

    assert hint({"audio": {"input": {"transcription": {"model": "any"}}}}) == "auto"
    assert hint({"dialect": "cantonese"}) == "cantonese"
    assert hint({"audio": {"input": {"transcription": {"language": "en"}}}}) == "en"
    with pytest.raises(PeerFault, match="choose one of auto, mandarin") as caught:
        edit.update({"audio": {"input": {"transcription": {"language": "fr"}}}})
    assert caught.value.param == "session.audio.input.transcription.language"


def test_the_dialogue_gets_the_models_own_name():
    model = ScriptedModel({})
    edit = editor(tuple(model.languages))
    edit.update({"language": "english"})
    settings = session_settings(edit.session, SessionSettings()).core
    assert dialogue_options(settings, model, []).language == "en"
