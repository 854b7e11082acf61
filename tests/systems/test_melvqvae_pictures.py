"""The mel codec on published pictures: trained and encoded from them, complete, resumable, honest about the rest."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.audio import write
from smalti.cli import run
from smalti.config import load_settings
from smalti.core import Audio
from smalti.data import Manifest, prepare
from smalti.data.prepare import PrepareChoices
from smalti.store import TokenStore
from smalti.systems.melvqvae import MelVQVAE, MelVQVAEConfig, MelVQVAERecipe
from smalti.systems.melvqvae.pictures import coded_picture
from smalti.systems.training import train
from smalti.transcode import PictureTokenizer, encode_store

TINY = (
    "train.steps=4",
    "train.batch=2",
    "train.crop=4",
    "train.quantize_from=0.3",
    "model.net.widths=[4, 6, 8]",
    "model.net.latent=4",
    "model.quantizer.vocab=11",
    "vocoder.inversion_steps=2",
    "vocoder.iterations=1",
    'engine.precision="32"',
)


def _sound(path: Path, samples: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = torch.randn(samples, generator=torch.Generator().manual_seed(samples)) * 0.1
    write(path, Audio.single(wave, 22_050))


def _picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.random.default_rng(seed).random((80, 860)))


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VAS as published, three pictures in two classes."""
    folder = tmp_path_factory.mktemp("vas")
    for seed, name in enumerate(("dog/a.b", "dog/c", "gun/d")):
        label, stem = name.split("/")
        _picture(folder / "features" / label / "melspec_10s_22050hz" / f"{stem}_mel.npy", seed)
    (folder / "vas_train.txt").write_text("dog/a.b\ndog/c\n")
    (folder / "vas_valid.txt").write_text("gun/d\n")
    prepare(folder / "features", folder / "m.csv", corpus="vas")
    return folder / "m.csv"


@pytest.fixture(scope="module")
def codec_run(features: Path) -> Path:
    out = features.parent / "run"
    train("melvqvae/tiny", data=features, out=out, overrides=TINY, progress=False)
    return out


def test_it_learns_from_published_pictures_and_scores_those_held_out(codec_run: Path) -> None:
    lines = [json.loads(line) for line in (codec_run / "metrics.jsonl").read_text().splitlines()]
    (found,) = [line for line in lines if line["kind"] == "evaluate"]
    assert 0 < found["picture_l1_db"] < 100 and "log_mel_l1_db" not in found
    (counted,) = [line for line in lines if line["kind"] == "counts"]
    assert sum(counted["code_hits"]) == 5 * 53 and len(counted["code_hits"]) == 11
    assert found["zero_hit_codes"] == counted["code_hits"].count(0)


def test_defect_13_every_picture_of_a_class_is_encoded_to_its_grid(codec_run: Path, features: Path) -> None:
    """The reference converted the first file of each class, then broke off."""
    store = features.parent / "tokens"
    assert run(["encode", str(codec_run), "--data", str(features), "--to", str(store)]) == 0
    opened = TokenStore.open(store)
    assert len(opened) == 3 and not opened.failed
    assert [opened.codes(row).shape for row in range(3)] == [(5, 53)] * 3
    assert "a.b_mel.npy" in opened.clips["path"][0].as_py()


def _codec(*overrides: str) -> MelVQVAE:
    torch.manual_seed(0)
    preset = Path(__file__).parents[2] / "src" / "smalti" / "systems" / "melvqvae" / "presets" / "tiny.toml"
    return MelVQVAERecipe(load_settings(MelVQVAEConfig, preset, [*TINY, *overrides]), [torch.zeros(9000)]).codec()


def test_a_picture_gives_the_codes_of_its_sound_but_at_its_ends() -> None:
    codec = _codec()
    assert isinstance(codec, PictureTokenizer)
    sound = torch.randn(60_000, generator=torch.Generator().manual_seed(0)) * 0.1
    recipe = MelVQVAERecipe(load_settings(MelVQVAEConfig, codec_preset(), TINY), [torch.zeros(9000), sound], held_out=1)
    picture = recipe.pictures.whole(1)
    heard = codec.encode(Audio.single(sound, 22_050)).codes[0]
    seen = codec.encode_pictures([picture]).codes[0]
    assert seen.shape == heard.shape
    assert torch.equal(seen[:, 3:-3], heard[:, 3:-3])


def codec_preset() -> Path:
    return Path(__file__).parents[2] / "src" / "smalti" / "systems" / "melvqvae" / "presets" / "tiny.toml"


def test_pictures_in_a_batch_give_the_codes_they_give_alone() -> None:
    codec = _codec()
    generator = torch.Generator().manual_seed(1)
    pictures = [torch.rand(80, frames, generator=generator) for frames in (848, 16, 320)]
    together = codec.encode_pictures(pictures)
    for picture, item in zip(pictures, together.items(), strict=True):
        assert torch.equal(codec.encode_pictures([picture]).codes, item.codes)
    assert coded_picture(codec.autoencoder, together.codes[0]).shape == (80, 848)


@pytest.mark.parametrize("kind", ["sound", "pictures"])
def test_of_twenty_files_three_broken_seventeen_are_encoded_and_three_listed(
    kind: str, codec_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = tmp_path / "clips", tmp_path / "store"
    for number in range(17):
        if kind == "sound":
            _sound(folder / f"{number % 2}" / f"{number:02}.wav", 3000 + number)
        else:
            _picture(folder / f"{number % 2}" / f"{number:02}_mel.npy", number)
    suffix = ".wav" if kind == "sound" else "_mel.npy"
    for name, data in (("cut", b"RIFF"), ("empty", b""), ("text", b"no such thing")):
        (folder / "0" / f"{name}{suffix}").write_bytes(data)
    said = []
    for _ in range(2):
        assert run(["encode", str(codec_run), "--data", str(folder), "--to", str(store), "--json"]) == 1
        said.append(json.loads(capsys.readouterr().out))
        assert said[-1]["files"] == 17
        assert [Path(row["path"]).name for row in said[-1]["failed"]] == [
            f"{n}{suffix}" for n in ("cut", "empty", "text")
        ]
        assert all(row["reason"] for row in said[-1]["failed"])
        said[-1] = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in store.glob("shard-*")}
    assert said[0] == said[1]
    assert len(TokenStore.open(store)) == 17


def test_a_codec_of_another_picture_refuses_them(features: Path, tmp_path: Path) -> None:
    other = _codec("model.picture=wide")
    report = encode_store(other, Manifest.read(features), tmp_path / "store")
    assert report.files == 0 and all("wanted another mel" in row["reason"] for row in report.failed)


def test_drawn_features_train_like_published_ones(tmp_path: Path) -> None:
    for name in ("dog/a", "dog/b", "gun/c"):
        _sound(tmp_path / "in" / f"{name}.wav", 30_000)
    choices = PrepareChoices(features="specvqgan", features_to=tmp_path / "out", hold_out=0.34)
    prepare(tmp_path / "in", tmp_path / "m.csv", choices=choices)
    manifest = Manifest.read(tmp_path / "m.csv")
    recipe = MelVQVAERecipe(load_settings(MelVQVAEConfig, codec_preset(), TINY), manifest)
    assert len(recipe.pictures.held_out) == 1
    assert recipe.batch(0).picture.shape[1] == 80 and recipe.step(recipe.batch(0), 0)["loss"] > 0
