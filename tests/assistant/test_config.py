"""Where settings come from, and what a mistake in them says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.assistant.config import ConfigError, load_config, preset_names
from vivavoce.assistant.session_defaults import session_defaults
from vivavoce.assistant.settings import Config
from vivavoce.assistant.toml import parse_toml

ROOT = Path(__file__).parents[2]


def complaint(**layers: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(**{"environment": {}, **layers})  # type: ignore[arg-type]
    return str(caught.value)


@pytest.fixture
def config_file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_each_layer_overrides_the_one_below(config_file):
    file = config_file("[server]\nport = 2000\nmax_sessions = 2\n[turn]\nsilence_ms = 900\n")
    config = load_config(
        file,
        preset="test",
        overrides={"server": {"port": 4000, "host": None}},
        environment={"VIVAVOCE_SERVER__PORT": "3000", "VIVAVOCE_SERVER__MAX_SESSIONS": "3"},
    )
    assert config.audio.enabled is False  # preset
    assert config.turn.silence_ms == 900  # file over default
    assert config.server.max_sessions == 3  # environment over file and preset
    assert config.server.port == 4000  # command line over all
    assert config.server.host == "127.0.0.1"  # what the command line left unset stays


def test_the_preset_can_come_from_file_environment_or_command_line(config_file):
    file = config_file('preset = "smart-speaker"\n')
    chosen = {"VIVAVOCE_PRESET": "test"}
    assert load_config(file, environment={}).audio.volume_percent == 60
    assert load_config(file, environment=chosen).preset == "test"
    assert load_config(file, preset="nano", environment=chosen).preset == "nano"


def test_an_unknown_key_names_its_source_and_the_nearest_name(config_file):
    assert "mine.toml; did you mean 'port'" in complaint(file=config_file("[server]\nprot = 1\n"))
    assert "did you mean 'server'" in complaint(file=config_file("[sever]\nport = 1\n"))
    message = complaint(environment={"VIVAVOCE_TURN__SILENCE": "1"})
    assert "VIVAVOCE_TURN__SILENCE" in message and "'silence_ms'" in message
    assert "VIVAVOCE_SERVER__PORT" in complaint(environment={"VIVAVOCE_SERVER_PORT": "1"})
    assert "'nano'" in complaint(preset="nanno")


def test_a_value_out_of_range_names_its_source():
    message = complaint(environment={"VIVAVOCE_SERVER__PORT": "lots"})
    assert message.startswith("server.port = 'lots' in environment variable VIVAVOCE_SERVER__PORT")
    assert "\n" not in message
    assert "command line" in complaint(overrides={"server": {"port": 70000}})


def test_unreadable_and_broken_files_are_one_sentence(config_file, tmp_path):
    assert "No such file" in complaint(file=tmp_path / "absent.toml")
    assert "not valid TOML" in complaint(file=config_file("[server\n"))
    assert "write [server]" in complaint(file=config_file("server = 3\n"))


def test_lists_come_from_the_environment_with_commas_or_as_json():
    name = "VIVAVOCE_SKILLS__DISABLED"
    for text in ("coin, dice", '["coin", "dice"]'):
        assert load_config(environment={name: text}).skills.disabled == ("coin", "dice")


def test_variables_of_others_are_left_alone():
    assert load_config(environment={"VIVAVOCE_HOME": "/srv", "PATH": "x"}) == Config()


@pytest.mark.parametrize("preset", preset_names())
def test_every_shipped_preset_is_valid(preset):
    assert load_config(preset=preset, environment={}).preset == preset


def test_default_toml_lists_every_setting_with_its_default():
    table = parse_toml((ROOT / "configs" / "default.toml").read_text(encoding="utf-8"))
    expected = Config().model_dump(mode="json", exclude={"preset"})
    assert table == expected


def test_every_setting_says_what_it_means():
    for section in Config.model_fields.values():
        fields = getattr(section.annotation, "model_fields", {})
        for name, field in fields.items():
            assert field.description, name
            for suffix, unit in (
                ("_ms", "milliseconds"),
                ("_s", "seconds"),
                ("_percent", "percent"),
            ):
                assert not name.endswith(suffix) or unit in field.description, name


def test_a_key_outside_its_section_is_told_where_it_belongs(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("port = 9\n")
    with pytest.raises(ConfigError, match=r"'port' .*; it belongs into \[server\]\.$"):
        load_config(file, environment={})


@pytest.mark.parametrize(("longest_s", "longest_ms"), [(30.0, 30_000), (2.5, 2500), (0, 0)])
def test_the_longest_turn_reaches_the_endpointer(longest_s, longest_ms):
    config = Config.model_validate({"turn": {"longest_s": longest_s}})
    assert session_defaults(config, (), 16000).endpoint.max_speech_ms == longest_ms


def test_what_counts_as_an_interruption_reaches_the_core():
    config = Config.model_validate({"barge_in": {"confirm_phones": 6, "confirm_ms": 700}})
    core = session_defaults(config, (), 16000).core
    assert (core.confirm_phones, core.confirm_ms) == (6.0, 700)
