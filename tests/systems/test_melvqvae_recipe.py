"""Learning: batches are pure, a resumed run equals the unbroken one, and what a run leaves can be opened."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from smalti.audio import write
from smalti.config import load_settings, to_toml
from smalti.core import Audio, ConfigError, DataError, StoreError
from smalti.data.manifest import Manifest
from smalti.data.waveforms import WaveformRecordings
from smalti.systems.melvqvae import MelVQVAEConfig, MelVQVAERecipe, load_melvqvae
from smalti.systems.melvqvae.clips import PictureClips
from smalti.train import Engine, NamesClips, Recipe, RunFolder, ShowsSamples, fit

_TINY = """
system = "melvqvae"
[model.net]
kind = "frames"
width = 12
fine_blocks = 0
coarse_blocks = 1
latent = 6
window = 8
[model.quantizer]
kind = "rvq"
depth = 2
vocab = 16
[vocoder]
inversion_steps = 5
iterations = 2
window = 16
overlap = 2
[train]
steps = 6
batch = 3
crop = 5
quantize_from = 0.34
[engine]
accelerator = "cpu"
precision = "32"
"""


def _config(*overrides: str) -> MelVQVAEConfig:
    return load_settings(MelVQVAEConfig, _TINY, overrides)


def _waves() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(samples, generator=generator) * 0.1 for samples in (9000, 30_000, 700, 22_050, 15_000)]


def _run(recipe: MelVQVAERecipe, steps: range) -> MelVQVAERecipe:
    for step in steps:
        torch.manual_seed(step)
        recipe.step(recipe.batch(step), step)
    return recipe


def _same(first: MelVQVAERecipe, second: MelVQVAERecipe) -> bool:
    states = (first.model.state_dict(), second.model.state_dict())
    return all(torch.equal(states[0][name], value) for name, value in states[1].items())


def test_it_is_all_that_the_loop_can_use() -> None:
    recipe = MelVQVAERecipe(_config(), _waves())
    assert isinstance(recipe, Recipe)
    assert isinstance(recipe, NamesClips)
    assert isinstance(recipe, ShowsSamples)


def test_a_batch_is_a_pure_function_of_seed_and_step() -> None:
    recipe = MelVQVAERecipe(_config(), _waves())
    first = recipe.batch(3)
    recipe.batch(4)
    assert torch.equal(recipe.batch(3).picture, first.picture)
    assert not torch.equal(recipe.batch(4).picture, first.picture)
    other = MelVQVAERecipe(_config("train.seed=1"), _waves())
    assert not torch.equal(other.batch(3).picture, first.picture)


def test_the_memory_for_pictures_changes_nothing_but_time() -> None:
    kept, drawn = (MelVQVAERecipe(_config(f"train.memory={mib}"), _waves()) for mib in (64, 0))
    for step in (0, 1, 5):
        assert torch.equal(kept.batch(step).picture, drawn.batch(step).picture)


def test_a_crop_is_a_part_of_the_whole_picture_with_silence_beyond_the_ends() -> None:
    recipe = MelVQVAERecipe(_config(), _waves())
    clips = PictureClips(WaveformRecordings(_waves()), recipe.model.picture, margin=30, memory=1)
    piece = clips.training[1]
    whole = clips.crop(piece, start=-10, frames=140)
    assert not whole[:, :5].any()
    assert whole[:, 12:].any()
    assert torch.equal(clips.crop(piece, start=7, frames=20), whole[:, 17:37])
    assert not clips.crop(piece, start=piece.frames + 5, frames=9).any()


def test_long_recordings_are_learnt_from_in_pieces_that_agree_where_they_meet() -> None:
    wave = torch.randn(22_050 * 45, generator=torch.Generator().manual_seed(1)) * 0.1
    recipe = MelVQVAERecipe(_config(), [wave])
    clips = PictureClips(WaveformRecordings([wave]), recipe.model.picture, margin=40, memory=64)
    first, second, third = clips.training
    assert first.frames == second.frames > third.frames
    assert torch.equal(clips.crop(first, start=first.frames - 5, frames=20), clips.crop(second, start=-5, frames=20))


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(at: int) -> None:
    unbroken = _run(MelVQVAERecipe(_config(), _waves()), range(6))
    first = _run(MelVQVAERecipe(_config(), _waves()), range(at))
    state = first.state_dict()
    resumed = MelVQVAERecipe(_config(), _waves())
    resumed.load_state_dict(state)
    assert _same(_run(resumed, range(at, 6)), unbroken)


def test_evaluation_changes_nothing() -> None:
    watched = MelVQVAERecipe(_config(), _waves(), held_out=2)
    _run(watched, range(3))
    found = watched.evaluate()
    watched.samples()
    _run(watched, range(3, 5))
    assert _same(watched, _run(MelVQVAERecipe(_config(), _waves(), held_out=2), range(5)))
    assert set(found) == {"log_mel_l1_db", "picture_l1_db", "perplexity_0", "perplexity_1", "zero_hit_codes"}


def test_codebooks_begin_among_the_latents_when_their_time_comes() -> None:
    recipe = MelVQVAERecipe(_config(), _waves())
    before = recipe.model.quantizer.layers[0].vectors.clone()
    _run(recipe, range(2))
    assert torch.equal(recipe.model.quantizer.layers[0].vectors, before)
    _run(recipe, range(2, 3))
    assert not torch.equal(recipe.model.quantizer.layers[0].vectors, before)


def test_a_loss_that_is_not_finite_changes_no_weight() -> None:
    waves = _waves()
    recipe = MelVQVAERecipe(_config("train.quantize_from=1"), waves)
    before = {name: value.clone() for name, value in recipe.model.named_parameters()}
    batch = recipe.batch(0)
    batch.picture[0, 0, batch.picture.shape[2] // 2] = torch.nan
    assert not torch.isfinite(torch.tensor(recipe.step(batch, 0)["loss"]))
    assert all(torch.equal(before[name], value) for name, value in recipe.model.named_parameters())
    assert recipe.clips(0)[0].startswith("waveform")


def test_it_learns() -> None:
    time = torch.arange(22_050) / 22_050
    tones = [0.3 * torch.sin(2 * torch.pi * hz * time) for hz in (200, 500, 1200, 3000)]
    recipe = MelVQVAERecipe(_config("train.steps=150", "train.learning_rate=5e-3", "train.quantize_from=0.3"), tones)
    distances = []
    for step in range(150):
        torch.manual_seed(step)
        distances.append(recipe.step(recipe.batch(step), step)["mel_l1_db"])
    assert sum(distances[-10:]) < 0.3 * sum(distances[:10])


def test_defect_10_a_rate_is_what_was_asked_for_whatever_the_batch_and_words_are_no_truths() -> None:
    """The reference multiplied its rate by the batch, and took any text for true."""
    for batch in (1, 3):
        recipe = MelVQVAERecipe(_config(f"train.batch={batch}", "train.learning_rate=2e-3", "train.warmup=0"), _waves())
        assert recipe.step(recipe.batch(0), 0)["learning_rate"] == 2e-3
    for word in ("yes", "0", "'False'"):
        with pytest.raises(ConfigError, match="disc_conditional"):
            _config(f"adversary.disc_conditional={word}")


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="whose split is train"):
        MelVQVAERecipe(_config(), [], held_out=0)


def _manifest(folder: Path) -> Manifest:
    rows = []
    for number, wave in enumerate(_waves()):
        write(folder / f"{number}.wav", Audio.single(wave, 22_050))
        split = "test" if number >= 3 else "train"
        rows.append({"path": f"{number}.wav", "seconds": len(wave) / 22_050, "split": split})
    return Manifest.from_rows(rows, folder)


def test_files_give_the_batches_of_their_waveforms(tmp_path: Path) -> None:
    from_files = MelVQVAERecipe(_config(), _manifest(tmp_path))
    from_memory = MelVQVAERecipe(_config(), _waves(), held_out=2)
    for step in range(3):
        assert torch.allclose(from_files.batch(step).picture, from_memory.batch(step).picture, atol=2e-3)
    assert from_files.clips(0)[0].endswith(".wav")


def test_a_run_can_be_opened_and_encodes_as_its_model_did(tmp_path: Path) -> None:
    config = _config()
    recipe = MelVQVAERecipe(config, _manifest(tmp_path))
    run = RunFolder.start(tmp_path / "run", to_toml(config))
    with pytest.raises(StoreError):
        load_melvqvae(run.path)
    fit(recipe, steps=6, run=run, engine=Engine(config.engine), seed=0, progress=False)
    codec = load_melvqvae(run.path)
    audio = Audio.single(_waves()[1], 22_050)
    assert torch.equal(codec.encode(audio).codes, recipe.codec().encode(audio).codes)
    assert codec.spec == recipe.codec().spec


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    config = _config()
    run = RunFolder.start(tmp_path / "run", to_toml(config))
    fit(MelVQVAERecipe(config, _waves()), steps=1, run=run, engine=Engine(config.engine), seed=0, progress=False)
    run.config_path.write_text(to_toml(_config("model.net.width=13")))
    with pytest.raises(StoreError, match=r"does not fit config\.toml"):
        load_melvqvae(run.path)
