"""Runs, presets and names become systems, and what is none of them is refused with what is near."""

from pathlib import Path

import pytest

from journey import Journey
from smalti.config import load_settings, to_toml
from smalti.core import Codec, ConfigError, SpecError, StoreError, TokenLM
from smalti.systems import SYSTEMS, load, load_codec, load_lm
from smalti.systems.registry import find_preset, presets, system_of


def test_every_system_that_learns_has_presets_and_all_of_them_read() -> None:
    for name, system in SYSTEMS.items():
        own = [preset for preset in presets() if preset.startswith(f"{name}/")]
        assert bool(own) == (system.learning is not None)
        for preset in own:
            assert system.learning is not None
            found, path = find_preset(preset)
            settings = load_settings(system.learning.settings(), path)
            assert found == name and to_toml(settings).startswith(f'system = "{name}"\n')


def test_what_was_trained_loads_as_what_it_is(journey: Journey) -> None:
    assert isinstance(load(journey.codec), Codec)
    assert isinstance(load(journey.lm), TokenLM)
    assert load_codec(journey.lm / "tokenizer").spec == load_lm(journey.lm).spec
    assert system_of(journey.codec) == "melvqvae"


def test_a_shipped_model_loads_by_its_name() -> None:
    assert load_codec("mulaw").spec.vocab == 256


def test_a_codec_is_no_language_model_and_the_other_way_round(journey: Journey) -> None:
    with pytest.raises(SpecError, match="is a codec, wanted a language model"):
        load_lm(journey.codec)
    with pytest.raises(SpecError, match="is a language model, wanted a codec"):
        load_codec(journey.lm)


def test_what_is_no_run_is_refused_with_what_was_found_and_what_is_near(journey: Journey, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "sound.wav").write_bytes(b"RIFF")
    refusals = {
        tmp_path / "empty": "is an empty folder, wanted a run folder",
        tmp_path / "sound.wav": r"is a \.wav file, wanted a run folder",
        journey.tokens: r"is a token store, wanted a run folder; did you mean '.*/tokens/tokenizer'",
        journey.sounds.parent
        / "codek": r"is not there.*did you mean 'codec'\? runs beside it: .*codec, .*kmeans, lm, ",
        journey.codec / "checkpoints": r"is a folder without config\.toml",
    }
    for path, message in refusals.items():
        with pytest.raises(StoreError, match=message):
            load(path)


def test_a_run_of_an_unknown_system_is_refused_naming_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('system = "melvqvea"\n')
    with pytest.raises(StoreError, match="did you mean 'melvqvae'"):
        load(tmp_path)


def test_a_run_without_weights_is_refused(journey: Journey, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes((journey.codec / "config.toml").read_bytes())
    with pytest.raises(StoreError, match=r"weights\.safetensors"):
        load(tmp_path)


def test_an_unknown_preset_is_refused_naming_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'melvqvae/tiny'"):
        find_preset("melvqvae/tinny")


def test_a_settings_file_of_ones_own_is_as_good_as_a_preset(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('system = "synthformer"\n')
    assert find_preset(str(own)) == ("synthformer", own)
    own.write_text("[train]\nsteps = 3\n")
    with pytest.raises(ConfigError, match="which is none; known: "):
        find_preset(str(own))


def test_presets_are_named_by_system_and_size() -> None:
    assert {"melvqvae/tiny", "melvqvae/vas", "synthformer/tiny", "synthformer/small"} <= set(presets())
