"""What the demo keeps out of training stays out: clips, and values of every parameter."""

import numpy as np
import pytest
import soundfile

from smalti.core import DataError
from smalti.data.manifest import Manifest
from smalti.data.textures import TEXTURES
from smalti.demo.sounds import BANDS, HALF_BAND, HELD_OUT, built_in, own


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return built_in(tmp_path_factory.mktemp("sounds"), clips=5, seed=3)


def test_no_training_clip_ever_stands_at_a_held_out_value(material):
    manifest = Manifest.read(material.model)
    train = manifest.split("train")
    for row, label in enumerate(train.labels()):
        kind = TEXTURES[label]
        _, values = train.track(train.table["path"][row].as_py())[kind.main]
        knob = kind.parameter(kind.main)
        ends = (min(max(v, knob.low), knob.high) for v in values)
        positions = np.array([knob.normalise(float(v)) for v in ends])
        inside = [(np.abs(positions - centre) < HALF_BAND - 1e-4).mean() for centre in BANDS]
        assert max(inside) <= 2 / len(positions)  # a jump may pass through in two values of a hundred a second


def test_held_out_clips_stand_at_the_values_that_are_asked_for(material):
    test = Manifest.read(material.model).split("test")
    knob = TEXTURES["rain"].parameter("rate")
    asked = next(s for s in material.sweeps if s.key == "rain.rate").values
    found = sorted(v for v, label in zip(test.values("rate"), test.labels(), strict=True) if label == "rain")
    assert len(asked) == len(HELD_OUT) == 25
    assert found == pytest.approx(sorted(asked), rel=1e-6)
    assert all(knob.low <= value <= knob.high for value in asked)


def test_the_codec_also_hears_the_bundled_recordings(material):
    manifest = Manifest.read(material.codec)
    assert {"baby_cry", "rain", "pistons"} <= set(manifest.labels())
    assert all(path.is_file() for path in manifest.paths())


def test_own_sounds_keep_some_of_every_label_out_of_training(tmp_path):
    generator = np.random.default_rng(0)
    for label in ("drip", "hum"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for take in range(7):
            soundfile.write(tmp_path / "mine" / label / f"{take}.wav", generator.uniform(-0.5, 0.5, 8000), 8000)
    (tmp_path / "mine" / "drip" / "broken.wav").write_bytes(b"RIFF")
    material = own(tmp_path / "mine", tmp_path / "out", seed=0)
    manifest = Manifest.read(material.model)
    assert [row["path"].endswith("broken.wav") for row in material.failed] == [True]
    assert manifest.split("test").labels() == ["drip", "hum"]
    assert manifest.split("train").rows == 12


def test_a_folder_without_sounds_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        own(tmp_path / "empty", tmp_path / "out", seed=0)
    assert not (tmp_path / "out" / "manifest.csv").exists()
