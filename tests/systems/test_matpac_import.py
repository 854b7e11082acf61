"""Published weights of every known pattern become an encoder that hears the same; whatever does not fit is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import soundfile
import torch
from torch import Tensor

from smalti.cli import run
from smalti.core import Audio, StoreError, Tagger
from smalti.systems.importing import Classifier, import_weights
from smalti.systems.matpac import EncoderNet, MatpacEncoder, ModelConfig
from smalti.systems.matpac.config import EncoderConfig
from smalti.systems.matpac.foreign import adopt_matpac
from smalti.systems.registry import load, load_encoder

Tensors = dict[str, Tensor]
ENCODER = EncoderConfig(chunk=48, width=64, layers=2, heads=1)


def net() -> EncoderNet:
    torch.manual_seed(0)
    found = EncoderNet(ModelConfig(encoder=ENCODER, tail="zeros")).eval()
    found.statistics.copy_(torch.tensor([-7.056, 4.193]))
    return found


def published(prefix: str = "student_encoder.") -> Tensors:
    """An encoder alone, under the published names."""
    state = net().state_dict()
    del state["statistics"]
    named = {name.replace("encoder.", prefix, 1): value for name, value in state.items()}
    return named | {
        "pos_embed": torch.zeros(1, 1 + 5 * 3, 64),
        "log_mel.MelSpectrogram.spectrogram.window": torch.ones(9),
    }


def training() -> dict[str, object]:
    """A whole file of a training."""
    ema = {name.removeprefix("encoder."): value + 1 for name, value in net().state_dict().items() if "encoder." in name}
    model = published() | {
        "_ema": ema,
        "_cls_head_ema": {"mlp.0.weight": torch.ones(3)},
        "decoder.mask_token": torch.ones(1, 1, 8),
        "decoder.decoder_blocks.0.norm1.weight": torch.ones(8),
        "mcl_heads.mcl_heads.4.weight": torch.ones(8),
        "cls_student_head.last_layer.weight_g": torch.ones(8, 1),
        "cls_head_loss.center": torch.ones(1, 1, 8),
    }
    state = {"state": {0: {"exp_avg": torch.ones(3)}}}
    return {"cfg": {"model": {"mask_ratio": 0.7}}, "args": None, "model": model, "last_optimizer_state": state}


def m2d() -> Tensors:
    beside = {"target_blocks.0.norm1.weight": torch.ones(64), "decoder_embed.weight": torch.ones(3, 64)}
    return published("") | beside | {"mask_token": torch.ones(1, 1, 8), "norm_stats": torch.tensor([-7.056, 4.193])}


def with_head() -> Tensors:
    generator = torch.Generator().manual_seed(3)
    return published() | {
        "head_norm.running_mean": torch.randn(64, generator=generator),
        "head_norm.running_var": torch.rand(64, generator=generator) + 0.5,
        "head_norm.num_batches_tracked": torch.tensor(7),
        "head.weight": torch.randn(6, 64, generator=generator),
        "head.bias": torch.randn(6, generator=generator),
    }


def probe() -> Tensors:
    generator = torch.Generator().manual_seed(4)
    weight, bias = torch.randn(3, 320, generator=generator), torch.randn(3, generator=generator)
    return {"probe.weight": weight, "probe.bias": bias}


PATTERNS: dict[str, Callable[[], Tensors]] = {
    "encoder alone": published,
    "own prefix": lambda: published("encoder."),
    "m2d": m2d,
    "with a head": with_head,
}


def save(tensors: Tensors, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
    return path


def sound(samples: int = 20000) -> Audio:
    return Audio.single(0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(1)), 16000)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_imported_encoder_hears_as_the_published_one(pattern: str, tmp_path: Path):
    report = import_weights("matpac", save(PATTERNS[pattern](), tmp_path / "weights.safetensors"), to=tmp_path / "run")
    heard = load_encoder(tmp_path / "run").embed(sound())
    assert torch.equal(heard.frames, MatpacEncoder(net()).embed(sound()).frames)
    assert report.net == "matpac" and ("teacher" in report.left_out) == (pattern == "m2d")


def test_of_a_whole_training_the_student_is_taken_and_the_rest_is_listed(tmp_path: Path):
    torch.save(training(), tmp_path / "checkpoint.pt")
    report = import_weights("matpac", tmp_path / "checkpoint.pt", to=tmp_path / "run")
    heard = load_encoder(tmp_path / "run").embed(sound())
    assert torch.equal(heard.frames, MatpacEncoder(net()).embed(sound()).frames)
    assert {"teacher", "teacher's prototypes", "predictor", "hypotheses", "prototypes", "centre"} < set(report.left_out)


def test_the_chunk_is_read_from_the_positions_and_never_from_the_path(tmp_path: Path):
    file = save(published(), tmp_path / "as_datasets_head_music_base" / "class_as.safetensors")
    import_weights("matpac", file, to=tmp_path / "as")
    model = load(tmp_path / "as")
    assert isinstance(model, MatpacEncoder) and model.net.config.encoder.chunk == 48
    longer = published() | {"pos_embed": torch.zeros(1, 1 + 5 * 62, 64)}
    import_weights("matpac", save(longer, tmp_path / "plain.safetensors"), to=tmp_path / "plain")
    model = load(tmp_path / "plain")
    assert isinstance(model, MatpacEncoder) and model.net.config.encoder.chunk == 992


@pytest.mark.parametrize("name", sorted(name for name in published() if "log_mel" not in name))
def test_any_missing_tensor_is_an_error_that_names_it(name: str):
    tensors = published()
    del tensors[name]
    with pytest.raises(StoreError, match=rf"{name.removeprefix('student_')} is missing"):
        adopt_matpac(tensors)


@pytest.mark.parametrize("below", ["", "model/"])
@pytest.mark.parametrize("name", ["surprise", "student_encoder.surprise", "heads.weight"])
def test_one_unknown_tensor_is_an_error_that_names_it(below: str, name: str):
    tensors = {below + known: value for known, value in published().items()}
    with pytest.raises(StoreError, match=name):
        adopt_matpac(tensors | {below + name: torch.ones(2)})


def test_what_lies_beside_the_model_of_a_training_is_known_or_refused():
    tensors = {f"model/{name}": value for name, value in published().items()}
    adopt_matpac(tensors | {"extra_state/losses": torch.ones(2)})
    with pytest.raises(StoreError, match="other/losses beside its model is unknown"):
        adopt_matpac(tensors | {"other/losses": torch.ones(2)})


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("patch_embed.proj.weight", (60, 1, 16, 16), "wanted .width, 1, bands, frames."),
        ("pos_embed", (1, 14, 64), "13 places of patches"),
        ("student_encoder.blocks.1.attn.qkv.weight", (64, 64), r"has the shape \[64, 64\], wanted \[192, 64\]"),
    ],
)
def test_a_tensor_of_another_shape_is_refused(name: str, shape: tuple[int, ...], said: str):
    with pytest.raises(StoreError, match=said):
        adopt_matpac(published() | {name: torch.zeros(shape)})


def test_a_file_that_is_refused_leaves_no_run(tmp_path: Path):
    with pytest.raises(StoreError, match="is missing"):
        import_weights("matpac", save({"weight": torch.ones(3)}, tmp_path / "w.safetensors"), to=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_audioset_head_gives_a_probability_of_every_class(tmp_path: Path):
    tensors = with_head()
    import_weights("matpac", save(tensors, tmp_path / "weights.safetensors"), to=tmp_path / "run")
    tagger = load(tmp_path / "run")
    assert isinstance(tagger, Tagger) and tagger.labels == ("0", "1", "2", "3", "4", "5")
    frames = MatpacEncoder(net()).embed(sound()).frames[0]
    pooled = frames.reshape(-1, 5, 64).mean((0, 1))
    pooled = (pooled - tensors["head_norm.running_mean"]) / (tensors["head_norm.running_var"] + 1e-5).sqrt()
    wanted = (tensors["head.weight"] @ pooled + tensors["head.bias"]).sigmoid()
    torch.testing.assert_close(tagger.scores(sound())[0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("task", ["multi-label", "multi-class"])
def test_a_probe_decides_as_the_task_says(task: str, tmp_path: Path):
    files = save(published(), tmp_path / "weights.safetensors"), save(probe(), tmp_path / "esc50.safetensors")
    import_weights("matpac", files[0], to=tmp_path / "run", classifier=Classifier(files[1], task))
    tagger = load(tmp_path / "run")
    assert isinstance(tagger, Tagger)
    pooled = MatpacEncoder(net()).embed(sound()).frames[0].mean(0)
    logits = probe()["probe.weight"] @ pooled + probe()["probe.bias"]
    wanted = logits.sigmoid() if task == "multi-label" else logits.softmax(0)
    torch.testing.assert_close(tagger.scores(sound())[0], wanted, rtol=1e-4, atol=1e-5)


def test_a_probe_without_a_task_is_refused_as_its_path_says_nothing(tmp_path: Path):
    files = save(published(), tmp_path / "weights.safetensors"), save(probe(), tmp_path / "multi-label.safetensors")
    with pytest.raises(StoreError, match="say --task"):
        import_weights("matpac", files[0], to=tmp_path / "run", classifier=Classifier(files[1]))


def test_labels_that_do_not_fit_the_classes_are_refused(tmp_path: Path):
    (tmp_path / "labels.txt").write_text("dog\ncat\n")
    file = save(with_head(), tmp_path / "weights.safetensors")
    with pytest.raises(StoreError, match="found 2 labels for 6 classes"):
        import_weights("matpac", file, to=tmp_path / "run", classifier=Classifier(labels=tmp_path / "labels.txt"))


def test_recordings_are_tagged_with_names_an_item_alone_as_in_a_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):

    rows = [f'{place},/m/0{9 - place},"class {place}"' for place in range(6)]
    (tmp_path / "classes.csv").write_text("\n".join(["index,mid,display_name", *rows]))
    weights = save(with_head(), tmp_path / "weights.safetensors")
    imported = ["import", "matpac", str(weights), "--to", str(tmp_path / "run"), "--json"]
    assert run([*imported, "--labels", str(tmp_path / "classes.csv")]) == 0
    capsys.readouterr()
    for name, samples in (("one.wav", 20000), ("two.wav", 1200)):
        soundfile.write(tmp_path / name, sound(samples).samples[0].numpy(), 16000, subtype="FLOAT")
    paths = [str(tmp_path / name) for name in ("one.wav", "two.wav")]
    assert run(["tag", str(tmp_path / "run"), *paths, "--top", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == 2 and len(told["tagged"]) == 4
    tagger = load(tmp_path / "run")
    assert isinstance(tagger, Tagger) and tagger.labels == tuple(f"class {place}" for place in (5, 4, 3, 2, 1, 0))
    alone = tagger.scores(sound(1200))[0]
    assert told["tagged"][2]["label"] == tagger.labels[int(alone.argmax())]
    assert told["tagged"][2]["score"] == pytest.approx(float(alone.max()), abs=1e-5)


def test_what_has_no_classes_cannot_tag(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    import_weights("matpac", save(published(), tmp_path / "weights.safetensors"), to=tmp_path / "run")
    assert run(["tag", str(tmp_path / "run"), "missing.wav"]) == 2
    assert "has no classes to tell" in capsys.readouterr().err


def test_an_item_without_sound_is_tagged_as_silence(tmp_path: Path):
    import_weights("matpac", save(with_head(), tmp_path / "weights.safetensors"), to=tmp_path / "run")
    tagger = load(tmp_path / "run")
    assert isinstance(tagger, Tagger)
    assert tagger.scores(Audio.batch([sound(0), sound(900)])).isfinite().all()
