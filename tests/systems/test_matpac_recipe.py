"""How MATPAC learns: from crops of recordings of any length, the same in one process and in two, and it is seen."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from journey import TINY_MATPAC, Journey
from smalti.audio import write
from smalti.config import load_settings
from smalti.core import Audio, DataError
from smalti.data.manifest import Manifest
from smalti.features import SILENCE
from smalti.store import load_weights
from smalti.systems import matpac as room
from smalti.systems.matpac import MatpacConfig, MatpacRecipe
from smalti.systems.matpac.clips import LogMelClips
from smalti.systems.matpac.held_out import online_accuracy, pooled
from smalti.systems.registry import load_encoder

TESTS = Path(__file__).parents[1]
MICRO = Path(room.__file__).parent / "presets" / "micro.toml"
_AS_HEARD = ("vary.warp=0", "vary.tempo=0", "vary.colour_db=0", "vary.noise=0", "train.apart=false")


def _config(*overrides: str) -> MatpacConfig:
    return load_settings(MatpacConfig, MICRO, (*TINY_MATPAC, *_AS_HEARD, *overrides))


def _waves(*seconds: float) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [0.1 * torch.randn(int(16000 * length), generator=generator) for length in seconds]


def _clips(config: MatpacConfig, source: list[torch.Tensor] | Manifest, held_out: int = 0) -> LogMelClips:
    return LogMelClips(source, model=config.model, train=config.train, vary=config.vary, held_out_waveforms=held_out)


def test_a_batch_is_a_pure_function_of_seed_and_step() -> None:
    first, second = (_clips(_config(), _waves(0.1, 0.5, 1.0)) for _ in range(2))
    for step in (3, 0, 3):
        one, other = first.crops(step), second.crops(step)
        assert torch.equal(one.picture, other.picture) and torch.equal(one.order, other.order)
    assert not torch.equal(first.crops(3).picture, first.crops(4).picture)
    assert not torch.equal(
        first.crops(3).picture, _clips(_config("train.seed=1"), _waves(0.1, 0.5, 1.0)).crops(3).picture
    )


def test_processes_take_the_rows_of_one_larger_batch() -> None:
    halves = [_clips(_config(), _waves(0.1, 0.5, 1.0)).crops(5, rank=rank, world=2) for rank in (0, 1)]
    whole = _clips(_config("train.batch=6"), _waves(0.1, 0.5, 1.0)).crops(5)
    assert torch.equal(torch.cat([half.picture for half in halves]), whole.picture)
    assert torch.equal(torch.cat([half.order for half in halves]), whole.order)


VARIED = ("vary.warp=0.2", "vary.tempo=0.3", "vary.colour_db=3", "vary.noise=0.5")


def test_crops_are_varied_each_by_its_own_number() -> None:
    plain, varied = (_clips(_config(*more), _waves(0.1, 0.5, 1.0)).crops(5) for more in ((), VARIED))
    halves = [_clips(_config(*VARIED), _waves(0.1, 0.5, 1.0)).crops(5, rank=rank, world=2) for rank in (0, 1)]
    whole = _clips(_config("train.batch=6", *VARIED), _waves(0.1, 0.5, 1.0)).crops(5)
    assert torch.equal(torch.cat([half.picture for half in halves]), whole.picture)
    assert varied.picture.shape == plain.picture.shape and torch.equal(varied.order, plain.order)
    assert all((one - other).abs().mean() > 0.1 for one, other in zip(plain.picture, varied.picture, strict=True))


def test_a_share_of_the_crops_is_left_as_recorded() -> None:
    some = (*VARIED, "train.batch=60")
    none, half, every = (
        _clips(_config(*some, f"train.varied={share}"), _waves(0.1, 0.5, 1.0)).crops(5).picture for share in (0, 0.5, 1)
    )
    as_recorded, changed = ((half == other).flatten(1).all(1) for other in (none, every))
    assert bool((as_recorded ^ changed).all()) and 18 < int(changed.sum()) < 42
    assert not bool((none == every).flatten(1).all(1).any())


def test_a_faster_crop_is_sound_to_its_end() -> None:
    wave = [0.1 * torch.sin(torch.arange(32000) / 3)]
    fast = _clips(_config("vary.tempo=0.5", "train.batch=50"), wave).crops(0).picture
    level = fast.amax(1)
    assert (level > level.amax() - 1).all()


def test_what_is_not_kept_is_made_again_alike() -> None:
    kept, made = (_clips(_config(f"train.memory={room}"), _waves(0.1, 0.5)) for room in (64, 0))
    assert torch.equal(kept.crops(2).picture, made.crops(2).picture)
    assert torch.equal(kept.crops(2).picture, made.crops(2).picture)


def test_short_recordings_go_on_in_others_or_in_silence() -> None:
    short = _waves(0.05, 0.06)
    silent = _clips(_config("train.fill=silence"), short).crops(0).picture
    filled = _clips(_config("train.gap=0"), short).crops(0).picture
    assert silent.shape == filled.shape == (3, 80, 20)
    assert (silent[:, :, 8:] == SILENCE).all() and (silent[:, :, 0] > SILENCE + 1).all()
    gapped = _clips(_config("train.gap=9"), short).crops(0).picture
    still = [int((picture == SILENCE).all(1).sum()) for picture in (filled, gapped, silent)]
    assert still[0] < still[1] < still[2]


def test_a_short_recording_is_filled_from_its_own_set_and_sets_are_heard_equally(tmp_path: Path) -> None:
    config = _config("train.balance=0", "train.gap=0", "train.batch=40")
    waves = [*_waves(0.05, 0.05), *(wave * 100 for wave in _waves(2.0, 2.0))]
    clips = _clips(config, waves)
    assert clips.sets == [""] * 4
    for number, wave in enumerate(waves):
        write(tmp_path / f"{number}.wav", Audio.single(wave / 20, 16000))
    rows = [{"path": f"{i}.wav", "seconds": len(wave) / 16000, "set": "ab"[i // 2]} for i, wave in enumerate(waves)]
    clips = _clips(config, Manifest.from_rows(rows, tmp_path))
    names = [name for step in range(10) for name in clips.names(step)]
    assert 0.4 < sum(name in ("0.wav", "1.wav") for name in names) / len(names) < 0.6
    batch, begun = clips.crops(0), clips.names(0)
    for picture, name in zip(batch.picture, begun, strict=True):
        loud = bool(picture.amax() > clips.log_mel(clips.training[0]).amax() + 3)
        assert loud == (name in ("2.wav", "3.wav"))


def test_a_step_is_of_one_set_and_sets_come_as_often_as_they_are_heard(tmp_path: Path) -> None:
    settings = "train.balance=0.5", "train.apart=true", "train.batch=5", "train.mixed=0"
    lengths = (0.2, 1.6, 0.2, 1.6)
    for number, wave in enumerate(_waves(*lengths)):
        write(tmp_path / f"{number}.wav", Audio.single(wave, 16000))
    rows = [{"path": f"{i}.wav", "seconds": lengths[i], "set": "ab"[i % 2]} for i in range(4)]
    manifest = Manifest.from_rows(rows, tmp_path)
    clips = _clips(_config(*settings), manifest)
    steps = [clips.names(step) for step in range(400)]
    heard = [{int(name[0]) % 2 for name in names} for names in steps]
    assert all(len(sets) == 1 for sets in heard)
    assert sum(sets == {1} for sets in heard) / 400 == pytest.approx(3.2**0.5 / (3.2**0.5 + 0.4**0.5), abs=0.06)
    assert {name for names in steps for name in names} == {"0.wav", "1.wav", "2.wav", "3.wav"}
    halves = [clips.names(7, rank=rank, world=2) for rank in (0, 1)]
    assert len({int(name[0]) % 2 for names in halves for name in names}) == 1
    mixed = _clips(_config(*settings, "train.mixed=3"), manifest)
    assert all(mixed.names(step) == clips.names(step) for step in range(60) if step % 3 != 2)
    both = [len({int(name[0]) % 2 for name in mixed.names(step)}) == 2 for step in range(2, 60, 3)]
    assert sum(both) / len(both) > 0.5


def test_statistics_are_those_of_all_numbers() -> None:
    clips = _clips(_config(), _waves(0.3, 0.7), held_out=1)
    mean, deviation = clips.statistics()
    numbers = clips.log_mel(clips.training[0])
    assert mean == pytest.approx(float(numbers.mean()), rel=1e-5)
    assert deviation == pytest.approx(float(numbers.std(correction=0)), rel=1e-5)


def test_statistics_are_measured_once_and_kept_with_the_weights(journey: Journey) -> None:
    found = load_weights(journey.matpac / "weights.safetensors").tensors["statistics"]
    assert found[1] > 0.1 and found[0] < -1


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="split is train"):
        MatpacRecipe(_config(), _waves(0.1), held_out=1)


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    recipe = MatpacRecipe(_config(), _waves(0.5, 0.5))
    recipe.step(recipe.batch(0), 0)
    before = {name: value.clone() for name, value in recipe.learning.state_dict().items()}
    batch = recipe.batch(1)
    batch.picture[0] = float("nan")
    recipe.step(batch, 1)
    assert all(torch.equal(value, before[name]) for name, value in recipe.learning.state_dict().items())


def test_the_teacher_follows_after_a_step_or_as_published_before_it() -> None:
    for follows, moved in (("after", True), ("before", False)):
        recipe = MatpacRecipe(_config(f"teacher.follows={follows}", "train.warmup=0"), _waves(0.5, 0.5))
        start = recipe.learning.teacher.encoder.blocks[0].attn.qkv.weight.clone()
        recipe.step(recipe.batch(0), 0)
        assert torch.equal(recipe.learning.teacher.encoder.blocks[0].attn.qkv.weight, start) is not moved


def test_evaluation_tells_losses_of_what_is_kept_out_and_whose_neighbours_it_is(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = []
    for number in range(12):
        time = torch.arange(6000) / 16000
        kind = number % 2
        wave = 0.5 * torch.sin(6.283 * (300, 2500)[kind] * time * (1 + 0.01 * number))
        write(tmp_path / f"{number}.wav", Audio.single(wave, 16000))
        split = "train" if number < 8 else "test"
        rows.append({"path": f"{number}.wav", "seconds": 0.375, "label": ("low", "high")[kind], "split": split})
    recipe = MatpacRecipe(_config(), Manifest.from_rows(rows, tmp_path))
    recipe.step(recipe.batch(0), 0)
    before = {name: value.clone() for name, value in recipe.learning.state_dict().items()}
    found = recipe.evaluate()
    assert found["knn_accuracy"] == 1 and {"loss", "prediction", "classification"} <= found.keys()
    assert recipe.evaluate() == found
    assert all(torch.equal(value, before[name]) for name, value in recipe.learning.state_dict().items())
    table = Manifest.from_rows(rows, tmp_path).table.drop_columns(["label"])
    without = MatpacRecipe(_config(), Manifest(table.append_column("label", pa.nulls(12, pa.string())), tmp_path))
    assert "knn_accuracy" not in without.evaluate()
    assert online_accuracy(recipe.net, recipe.clips_of, _config("train.neighbours=0").train) == {}


def test_online_vectors_are_those_of_the_encoder() -> None:
    recipe = MatpacRecipe(_config(), _waves(0.31, 0.777))
    recipe.step(recipe.batch(0), 0)
    encoder = recipe.encoder()
    with torch.no_grad():
        found = pooled(recipe.net, [recipe.clips_of.whole(clip) for clip in (0, 1)])
    for clip, wave in enumerate(_waves(0.31, 0.777)):
        frames = encoder.embed(Audio.single(wave, 16000)).frames[0]
        wanted = torch.cat([frames.mean(0), frames.std(0, correction=0)])
        torch.testing.assert_close(found[clip], wanted, atol=1e-4, rtol=1e-4)


def test_epochs_come_to_steps_of_the_data_and_the_plan_is_kept(journey: Journey) -> None:
    recipe = MatpacRecipe(_config("train.epochs=7"), _waves(0.5, 0.5, 0.5, 0.5))
    assert recipe.steps == 7 * 4 // 3
    assert (journey.matpac / "plan.json").is_file()


def test_a_run_opens_as_an_encoder_of_its_layers(journey: Journey) -> None:
    for run in (journey.matpac, journey.matpac_plus):
        encoder = load_encoder(run, layer=1)
        assert encoder.embed(Audio.single(_waves(0.3)[0], 16000)).frames.isfinite().all()


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_of_the_same_crops(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}", "OMP_NUM_THREADS": "1"}
    for devices in ("1", "2"):
        (tmp_path / devices).mkdir()
        command = [sys.executable, "-m", "faults.matpac_processes", str(tmp_path / devices), devices]
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL, timeout=300)
    alone, first, second = (
        load_weights(tmp_path / name).tensors for name in ("1/0.safetensors", "2/0.safetensors", "2/1.safetensors")
    )
    for name, value in alone.items():
        assert torch.equal(first[name], second[name])
        together = first[name]
        if name.endswith("attn.qkv.bias"):
            # a bias of keys changes no attention: its gradient is rounding alone, which Adam makes as large as any
            value, together = (torch.cat([one.chunk(3)[0], one.chunk(3)[2]]) for one in (value, together))
        torch.testing.assert_close(together, value, atol=1e-5, rtol=0)
    assert (tmp_path / "1" / "signs.txt").read_text() == (tmp_path / "2" / "signs.txt").read_text()
