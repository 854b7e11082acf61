"""What something is, in facts, and whether it is whole."""

import shutil
from pathlib import Path

import pytest

from journey import Journey
from smalti.core import DataError, StoreError
from smalti.systems.show import show, verify
from smalti.systems.transcoding import encode


def test_everything_that_a_journey_leaves_can_be_shown(journey: Journey, tmp_path: Path) -> None:
    encode(journey.codec, [journey.sounds / "rain" / "rain-0000.flac"], to=tmp_path / "a.smt")
    kinds = {
        journey.codec: "run",
        journey.lm: "run",
        journey.tokens: "store",
        journey.sounds: "manifest",
        journey.sounds / "manifest.csv": "manifest",
        tmp_path / "a.smt": "tokens",
        journey.sounds / "rain" / "rain-0000.flac": "recording",
    }
    for path, kind in kinds.items():
        facts = show(path)
        assert (facts["kind"], facts["path"]) == (kind, str(path))


def test_a_run_tells_its_system_steps_metrics_and_schema(journey: Journey) -> None:
    facts = show(journey.lm)
    assert (facts["system"], facts["steps"], facts["finished"]) == ("synthformer", 6, True)
    assert "loss" in facts["metrics"]
    assert facts["labels"] == ["pistons", "rain"]
    assert facts["spec"] == show(journey.codec)["spec"] == show(journey.tokens)["spec"]


def test_language_models_tell_their_size_and_how_they_read(journey: Journey) -> None:
    continues, fills = show(journey.gpt), show(journey.masked)
    assert continues["pattern"] == "flat" and fills["window"] == 8
    assert continues["labels"] == fills["labels"] == ["pistons", "rain"]
    assert min(continues["parameter_count"], fills["parameter_count"]) > 1000


def test_a_run_without_weights_is_shown_as_unfinished(journey: Journey, tmp_path: Path) -> None:
    shutil.copyfile(journey.codec / "config.toml", tmp_path / "config.toml")
    assert show(tmp_path)["finished"] is False


def test_what_is_nothing_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder of another kind"):
        show(tmp_path)
    with pytest.raises(StoreError, match="not there"):
        show(tmp_path / "nothing")


def test_whole_things_verify(journey: Journey) -> None:
    assert verify(journey.codec) == verify(journey.lm) == verify(journey.tokens) == []


def test_a_changed_byte_is_named(journey: Journey, tmp_path: Path) -> None:
    shutil.copytree(journey.tokens, tmp_path / "tokens")
    shard = tmp_path / "tokens" / "shard-00000.safetensors"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    assert "shard-00000" in verify(tmp_path / "tokens")[0]


def test_a_tokenizer_that_does_not_belong_is_named(journey: Journey, tmp_path: Path) -> None:
    shutil.copytree(journey.lm, tmp_path / "lm")
    shutil.rmtree(tmp_path / "lm" / "tokenizer")
    (tmp_path / "lm" / "tokenizer").mkdir()
    (tmp_path / "lm" / "tokenizer" / "config.toml").write_text('system = "mulaw"\n')
    assert "belong to another tokenizer" in verify(tmp_path / "lm")[0]
