"""A trained vocoder keeps every law: lengths, batches, blocks, refusals; and it learns and goes on exactly."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from smalti.config import load_settings, to_toml
from smalti.core import DataError, ParameterError, StoreError
from smalti.features import Vocoder, hop_by_hop
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.systems import vocoder as room
from smalti.systems.vocoder import NetVocoder, VocoderRecipe, VocoderRunConfig, load_vocoder
from smalti.systems.vocoder.nets import build
from smalti.train import Engine, NamesClips, Recipe, RunFolder, ShowsSamples, fit

_PRESETS = Path(room.__file__).parent / "presets"
_TINY = """
system = "vocoder"
[model]
window = 7
[model.net]
kind = "vocos"
width = 8
hidden = 12
blocks = 1
start = "mel"
[train]
steps = 8
batch = 3
crop = 6
margin = 1
memory = 1
[judge]
start = 3
scales = 1
windows = [64]
periods = [3]
width = 2
[cadence]
log = 1
evaluate = 4
checkpoint = 4
[engine]
precision = "32"
"""
_MELGAN = (
    "model.net={kind='melgan', width=1, ratios=[8,8,4], blocks=1}",
    "judge.scales=2",
    "judge.width=1",
    "train.normalise=true",
)


def _config(*overrides: str) -> VocoderRunConfig:
    return load_settings(VocoderRunConfig, _TINY, overrides)


def _waves() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [0.1 * torch.randn(samples, generator=generator) for samples in (3000, 900, 5000, 4001)]


def _vocoder(*overrides: str) -> NetVocoder:
    return VocoderRecipe(_config(*overrides), _waves(), held_out=1).vocoder()


@pytest.fixture(scope="module", params=[(), _MELGAN], ids=["vocos", "melgan"])
def vocoder(request: pytest.FixtureRequest) -> NetVocoder:
    return _vocoder(*request.param)


def test_it_is_a_vocoder_and_so_is_griffin_lim(vocoder: NetVocoder) -> None:
    assert isinstance(vocoder, Vocoder) and isinstance(GriffinLimVocoder(vocoder.picture), Vocoder)


@pytest.mark.parametrize("samples", [0, 1, 255, 256, 5003])
def test_as_many_samples_come_as_were_drawn(vocoder: NetVocoder, samples: int) -> None:
    sound = torch.randn(1, samples, generator=torch.Generator().manual_seed(samples))
    audio = vocoder.sound(hop_by_hop(sound, vocoder.picture), torch.tensor([samples]))
    assert audio.samples.shape == (1, samples) and audio.sample_rate == 22050
    assert audio.samples.isfinite().all()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_an_item_gives_the_same_bits_alone_and_in_any_batch(vocoder: NetVocoder, order: tuple[int, ...]) -> None:
    frames = torch.rand(3, 80, 23, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([5000, 1, 23 * 256])
    together = vocoder.sound(frames[list(order)], lengths[list(order)]).items()
    for place, found in zip(order, together, strict=True):
        needed = -(-int(lengths[place]) // 256)
        alone = vocoder.sound(frames[place : place + 1, :, :needed], lengths[place : place + 1])
        assert torch.equal(found.samples, alone.samples)


@pytest.mark.parametrize("block", [1, 2, 6, 1000])
def test_frames_in_blocks_give_the_bits_of_the_whole(vocoder: NetVocoder, block: int) -> None:
    frames = torch.rand(80, 31, generator=torch.Generator().manual_seed(1))
    stream = vocoder.stream()
    heard = torch.cat([*(stream.push(part) for part in frames.split(block, dim=1)), stream.flush()])
    assert torch.equal(heard, vocoder.sound(frames[None]).samples[0])


def test_windows_sound_as_the_net_on_the_whole(vocoder: NetVocoder) -> None:
    frames, edge = torch.rand(1, 80, 40, generator=torch.Generator().manual_seed(1)), vocoder.net.context
    with torch.no_grad():
        whole = vocoder.net(torch.nn.functional.pad(frames, (edge, edge)))[0, edge * 256 : -edge * 256]
    torch.testing.assert_close(vocoder.sound(frames).samples[0], whole, rtol=1e-4, atol=1e-5)


def test_pictures_of_another_kind_are_refused(vocoder: NetVocoder) -> None:
    with pytest.raises(ParameterError, match="found 81 bands, this vocoder has 80"):
        vocoder.sound(torch.zeros(1, 81, 3))
    with pytest.raises(ParameterError, match="769 samples of 3 frames"):
        vocoder.sound(torch.zeros(1, 80, 3), torch.tensor([769]))
    with pytest.raises(ParameterError, match="did you mean 'specvqgan'"):
        _vocoder("model.picture=specvqgn")


def test_the_picture_it_reads_is_the_one_of_zero_to_one() -> None:
    """The reference's callers had to remember to undo 2x - 1; here every picture is 0…1, and the floor is silence."""
    vocoder = _vocoder()
    assert vocoder.sound(torch.zeros(1, 80, 30)).samples.abs().max() < 1e-3
    assert vocoder.sound(torch.ones(1, 80, 30)).samples.abs().max() > 0.1


def test_a_recipe_is_all_that_the_loop_can_use() -> None:
    recipe = VocoderRecipe(_config(), _waves(), held_out=1)
    assert isinstance(recipe, Recipe) and isinstance(recipe, ShowsSamples) and isinstance(recipe, NamesClips)
    one, again = recipe.batch(5), recipe.batch(5)
    assert torch.equal(one.picture, again.picture) and torch.equal(one.sound, again.sound)
    assert one.picture.shape == (3, 80, 6) and one.sound.shape == (3, 6 * 256)
    assert sorted(recipe.clips(2)) == ["waveform 0", "waveform 1", "waveform 2"]


def test_a_crop_is_the_picture_of_its_own_sound() -> None:
    recipe = VocoderRecipe(_config("train.gain_db=[-6.0, -6.0]"), _waves())
    piece = recipe.pieces.training[2]
    crop = recipe.pieces.crop(piece, start=4, frames=6, gain=0.5)
    whole = 0.5 * _waves()[2]
    assert torch.equal(crop.sound[0], whole[4 * 256 : 10 * 256])
    drawn = hop_by_hop(whole[None], recipe.picture)[:, :, 4:10]
    torch.testing.assert_close(crop.picture, drawn, rtol=0, atol=1e-5)


def test_the_limit_of_memory_changes_nothing() -> None:
    kept, read = (VocoderRecipe(_config(f"train.memory={room}"), _waves()) for room in (9, 0))
    assert torch.equal(kept.batch(3).sound, read.batch(3).sound)
    kept.batch(3)
    assert torch.equal(kept.batch(4).picture, read.batch(4).picture)


@pytest.mark.parametrize("overrides", [(), _MELGAN], ids=["vocos", "melgan"])
def test_a_resumed_run_ends_with_the_same_bytes(overrides: tuple[str, ...], tmp_path: Path) -> None:
    config = _config(*overrides)

    def learn(folder: Path, steps: int, *, resume: bool = False) -> bytes:
        run = RunFolder.start(folder, to_toml(config), resume=resume)
        recipe = VocoderRecipe(config, _waves(), held_out=1)
        fit(recipe, steps=steps, run=run, engine=recipe.engine, seed=0, cadence=config.cadence, resume=resume,
            progress=False)  # fmt: skip
        return run.weights_path.read_bytes()

    whole = learn(tmp_path / "whole", 8)
    learn(tmp_path / "cut", 5)
    assert learn(tmp_path / "cut", 8, resume=True) == whole
    loaded = load_vocoder(tmp_path / "whole")
    assert not any("parametrizations" in name for name in loaded.net.state_dict())
    frames = torch.rand(1, 80, 9)
    recipe = VocoderRecipe(config, _waves(), held_out=1)
    torch.testing.assert_close(
        load_vocoder(tmp_path / "cut").sound(frames).samples, loaded.sound(frames).samples, rtol=0, atol=0
    )
    assert recipe.evaluate().keys() == {"picture_l1_db", "log_mel_l1_db", "multi_resolution_stft"}


def test_judges_speak_from_their_start_and_hear_one_sound_a_step() -> None:
    recipe = VocoderRecipe(_config(), _waves(), held_out=1)
    calls: list[int] = []
    recipe.net.register_forward_hook(lambda *_: calls.append(1))
    before = {name: value.clone() for name, value in recipe.adversary.discriminator.state_dict().items()}
    for step in range(3):
        found = recipe.step(recipe.batch(step), step)
        assert "discriminator" not in found
    assert all(torch.equal(value, before[name]) for name, value in recipe.adversary.discriminator.state_dict().items())
    found = recipe.step(recipe.batch(3), 3)
    assert {"adversarial", "features", "discriminator", "logits_real", "logits_made"} <= found.keys()
    assert len(calls) == 4


def test_it_learns_what_it_hears() -> None:
    config = _config("judge.scales=0", "judge.windows=[]", "judge.periods=[]", "train.learning_rate=5e-3")
    recipe = VocoderRecipe(config, _waves()[:1])
    losses = [recipe.step(recipe.batch(step), step)["loss"] for step in range(30)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@pytest.mark.parametrize("preset", sorted(path.stem for path in _PRESETS.glob("*.toml")))
def test_presets_read_back_as_they_are_written_and_fit_their_pictures(preset: str) -> None:
    config = load_settings(VocoderRunConfig, _PRESETS / f"{preset}.toml")
    assert load_settings(VocoderRunConfig, to_toml(config)) == config
    with torch.device("meta"):
        net = build(config.model, room.model.find_picture(config.model.picture))
    count = sum(value.numel() for value in net.parameters())
    if preset == "tiny":
        assert count <= 3e6


def test_weights_of_another_net_and_empty_manifests_are_refused(tmp_path: Path) -> None:
    run = RunFolder.start(tmp_path / "run", to_toml(_config()))
    recipe = VocoderRecipe(_config(), _waves())
    fit(recipe, steps=1, run=run, engine=Engine(_config().engine), seed=0, progress=False)
    run.config_path.write_text(to_toml(_config("model.net.width=9")))
    with pytest.raises(StoreError, match=r"does not fit config\.toml"):
        load_vocoder(run.path)
    with pytest.raises(DataError, match="found no recording to learn from"):
        VocoderRecipe(_config(), _waves(), held_out=4)


def test_the_quick_one_is_the_same_within_rounding_and_sooner() -> None:
    torch.manual_seed(0)
    config = _config("model.window=30").model
    vocoder = NetVocoder(build(config, room.model.find_picture(config.picture)).eval(), config)
    frames = torch.rand(vocoder.picture.bands, 70, generator=torch.Generator().manual_seed(1))
    found: list[Tensor] = []
    first: list[int] = []
    for each in (vocoder, vocoder.quick()):
        stream = each.stream()
        pieces = [stream.push(frame) for frame in frames.split(1, dim=1)]
        first.append(next(i for i, piece in enumerate(pieces) if len(piece)))
        found.append(torch.cat([*pieces, stream.flush()]))
    assert first[0] - first[1] == 30 - 8
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-5)
