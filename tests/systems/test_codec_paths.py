"""Between recordings through a codec: ends are reconstructions, labels are means, a shift keeps what moves."""

from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.audio import read, write
from smalti.core import Audio, LatentCodec, ParameterError, SpecError
from smalti.data.manifest import Manifest
from smalti.generate import centroid, latents_of, morphed, shifted, sound_of
from smalti.systems.hearing import Heard, View
from smalti.systems.interpolation import interpolate
from smalti.systems.registry import load_codec
from smalti.systems.routes import Route

HEARD = 2e-5  # of what 16-bit files keep


@pytest.fixture
def clips(journey: Journey, tmp_path: Path) -> list[Path]:
    """Two recordings of different lengths and rates."""
    paths = [tmp_path / "long.wav", tmp_path / "short.wav"]
    generator = torch.Generator().manual_seed(0)
    for path, samples, rate in zip(paths, (24001, 5000), (24000, 16000), strict=True):
        write(path, Audio.single(0.1 * torch.randn(samples, generator=generator), rate))
    return paths


def view(journey: Journey, window: int) -> LatentCodec:
    codec = load_codec(Heard(journey.alm, view=View(window=window)))
    assert isinstance(codec, LatentCodec)
    return codec


def same(path: str, wanted: Audio) -> None:
    found = read(path)
    assert (found.sample_rate, found.lengths.tolist()) == (wanted.sample_rate, wanted.lengths.tolist())
    torch.testing.assert_close(found.samples, wanted.samples.clamp(-1, 1), rtol=0, atol=HEARD)


@pytest.mark.parametrize("window", [2, 5])
def test_the_ends_are_the_recordings_own_reconstructions(
    journey: Journey, clips: list[Path], tmp_path: Path, window: int
) -> None:
    codec, run = view(journey, window), Heard(journey.alm, view=View(window=window))
    found = interpolate(run, clips, to=tmp_path / "way", route=Route(steps=3))
    assert found.shares == (0, 0.5, 1) and found.files == 3 and found.failed == ()
    sounds = [read(clip, sample_rate=24000) for clip in clips]
    for path, sound in zip((found.paths[0], found.paths[2]), sounds, strict=True):
        same(path, codec.decode(codec.encode(sound)))
    ends = [latents_of(codec, sound) for sound in sounds]
    same(found.paths[1], sound_of(codec, morphed(*ends, 0.5, hop=codec.hop)))
    alone = interpolate(run, clips[1:], to=tmp_path / "alone")
    assert alone.shares == (0,) and Path(alone.paths[0]).read_bytes() == Path(found.paths[2]).read_bytes()


def test_a_shift_begins_as_the_recording_and_ends_with_the_others_mean(
    journey: Journey, clips: list[Path], tmp_path: Path
) -> None:
    codec = view(journey, 6)
    route = Route(steps=2, way="shift", quantized=False)
    found = interpolate(journey.alm, clips, to=tmp_path / "way", route=route)
    one, two = (latents_of(codec, read(clip, sample_rate=24000)) for clip in clips)
    same(found.paths[0], sound_of(codec, one, quantized=False))
    same(found.paths[1], sound_of(codec, shifted(one, two.mean), quantized=False))
    torch.testing.assert_close(shifted(one, two.mean).mean, two.mean, rtol=0, atol=1e-6)


def test_a_label_is_the_mean_of_its_recordings_and_what_cannot_be_read_is_listed(
    journey: Journey, clips: list[Path], tmp_path: Path
) -> None:
    sounds = Manifest.read(journey.sounds)
    rows = [{"path": str(path), "kind": label} for path, label in zip(sounds.paths(), sounds.labels(), strict=True)]
    Manifest.from_rows([*rows, {"path": "gone.wav", "kind": "rain"}], tmp_path).write(tmp_path / "m.csv")
    route = Route(steps=2, data=tmp_path / "m.csv", by="kind")
    found = interpolate(journey.alm, [clips[1], "rain"], to=tmp_path / "way", route=route)
    assert [one["path"] for one in found.failed] == ["gone.wav"]
    codec = view(journey, 6)
    short = read(clips[1], sample_rate=24000)
    same(found.paths[0], codec.decode(codec.encode(short)))
    rain = [latents_of(codec, read(row["path"], sample_rate=24000)) for row in rows if row["kind"] == "rain"]
    same(found.paths[1], sound_of(codec, centroid(rain, short.samples.shape[1])))


def test_a_glide_is_one_sound_and_a_length_is_kept(journey: Journey, clips: list[Path], tmp_path: Path) -> None:
    route = Route(glide=True, data=journey.sounds)
    found = interpolate(journey.alm, ["rain", "pistons"], to=tmp_path / "way", route=route, seconds=0.7)
    assert found.shares == () and [Path(path).name for path in found.paths] == ["glide.wav"]
    assert read(found.paths[0]).lengths.tolist() == [16800] and found.audio_seconds == pytest.approx(0.7)
    still = interpolate(journey.alm, ["rain"], to=tmp_path / "still", route=Route(data=journey.sounds))
    assert still.audio_seconds == pytest.approx(2)
    cut = interpolate(journey.alm, clips, to=tmp_path / "cut", seconds=0.4)
    assert {int(read(path).lengths) for path in cut.paths} == {9600}


def test_what_cannot_be_passed_is_refused_by_name_and_nothing_is_written(
    journey: Journey, clips: list[Path], tmp_path: Path
) -> None:
    to = tmp_path / "way"
    with pytest.raises(ParameterError, match=r"'rian' is neither a recording nor a label.*did you mean 'rain'"):
        interpolate(journey.alm, [clips[0], "rian"], to=to, route=Route(data=journey.sounds))
    with pytest.raises(ParameterError, match="column 'lable' is unknown; did you mean 'label'"):
        interpolate(journey.alm, ["rain"], to=to, route=Route(data=journey.sounds, by="lable"))
    with pytest.raises(ParameterError, match="leave --glide out"):
        interpolate(journey.alm, clips, to=to, route=Route(glide=True, way="shift"))
    with pytest.raises(ParameterError, match="found 1 sounds to glide between"):
        interpolate(journey.alm, clips[:1], to=to, route=Route(glide=True))
    with pytest.raises(ParameterError, match="found 0 seconds"):
        interpolate(journey.alm, clips, to=to, seconds=0)
    with pytest.raises(ParameterError, match="'rain' for a codec, which is told none"):
        interpolate(journey.alm, clips, to=to, label="rain")
    with pytest.raises(SpecError, match="a codec without latents"):
        interpolate(journey.codec, clips, to=to)
    with pytest.raises(ParameterError, match="a model of clips, found a way of codecs"):
        interpolate(journey.vae, clips, to=to, route=Route(way="shift"))
    assert not to.exists()
