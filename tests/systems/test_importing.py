"""Vocoders of others: every format sounds as computed by hand, and whatever does not fit is refused before a run is."""

import json
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import torch

from smalti.cli import run
from smalti.core import ParameterError, StoreError
from smalti.features import MEL_PRESETS, mel_filterbank
from smalti.systems import load_vocoder
from smalti.systems.importing import import_weights
from smalti.systems.show import show
from systems import foreign_vocoders as hand

_FILTERS = mel_filterbank(MEL_PRESETS["vocos24k"])
CASES = {
    "melgan": (hand.melgan, hand.melgan_sound),
    "melgan, new names": (partial(hand.melgan, new=True), hand.melgan_sound),
    "hifigan": (hand.hifigan, hand.hifigan_sound),
    "hifigan, third version": (
        partial(hand.hifigan, paired=False, new=True),
        partial(hand.hifigan_sound, paired=False),
    ),
    "bigvgan": (hand.bigvgan, hand.bigvgan_sound),
    "bigvgan, second version": (
        partial(hand.bigvgan, second=True, new=True),
        partial(hand.bigvgan_sound, second=True),
    ),
    "bigvgan, 44.1 kHz": (
        partial(hand.bigvgan, second=True, ratios=hand.WIDE, bands=128),
        partial(hand.bigvgan_sound, second=True, ratios=hand.WIDE),
    ),
    "vocos": (partial(hand.vocos, _FILTERS), hand.vocos_sound),
}
_WORDS = {
    ("bigvgan", 80): {"sampling_rate": 22050, "fmax": 8000, "num_mels": 80},
    # what the second version at 44.1 kHz says of itself
    ("bigvgan", 128): {
        "sampling_rate": 44100,
        "n_fft": 2048,
        "win_size": 2048,
        "hop_size": 512,
        "num_mels": 128,
        "fmin": 0,
        "fmax": None,
        "upsample_rates": [*hand.WIDE],
        "snake_logscale": True,
        "use_bias_at_final": False,
        "use_tanh_at_final": False,
    },
}


def _file(folder: Path, format: str, tensors: dict[str, torch.Tensor]) -> Path:
    path = folder / f"{format}.safetensors"
    safetensors.torch.save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
    first = next(
        (
            tensor
            for name, tensor in tensors.items()
            if name.startswith("generator/conv_pre") and tensor.dim() == 3 and tensor.shape[2] > 1
        ),
        None,
    )
    words = _WORDS.get((format, 0 if first is None else first.shape[1]), {})
    if words:
        (folder / "config.json").write_text(json.dumps({**words, "resblock_dilation_sizes": [[1, 3]]}))
    return path


@pytest.mark.parametrize("case", CASES)
def test_an_imported_vocoder_sounds_as_computed_by_hand(case: str, tmp_path: Path) -> None:
    format, (make, sound) = case.partition(",")[0], CASES[case]
    tensors = make()
    report = import_weights(format, _file(tmp_path, format, tensors), to=tmp_path / "run")
    vocoder = load_vocoder(tmp_path / "run")
    picture = vocoder.picture
    frames = torch.rand(1, picture.bands, 23, generator=torch.Generator().manual_seed(1))
    read = frames if format == "melgan" else hand.natural(frames, picture.floor_db, picture.range_db)
    wanted = sound(tensors, read)
    with torch.no_grad():
        found = vocoder.net(frames)
    assert found.shape == (1, 23 * picture.hop) and (report.format, report.net) == (format, format)
    # an inverse STFT that ends one frame earlier has nothing to share its last half frame with
    end = wanted.shape[1] - (512 if format == "vocos" else 0)
    torch.testing.assert_close(found[:, :end], wanted[:, :end], rtol=1e-4, atol=1e-5)
    assert wanted.abs().max() > 1e-2


def test_a_pytorch_file_with_its_words_becomes_a_run_that_shows_what_it_is(tmp_path: Path) -> None:
    torch.save(hand.melgan(), tmp_path / "best_netG.pt")
    (tmp_path / "args.yml").write_text("!!python/object:argparse.Namespace {n_mel_channels: 80}\n")
    report = import_weights("melgan", tmp_path / "best_netG.pt", to=tmp_path / "run")
    assert report.ignored == ("args.yml",) and len(hand.melgan()) == 126
    facts = show(tmp_path / "run")
    assert (facts["system"], facts["finished"], facts["picture"]["preset"]) == ("vocoder", True, "specvqgan")
    assert facts["net"]["ratios"] == [8, 8, 2, 2] and facts["parameter_count"] == report.parameter_count


def test_a_yaml_file_is_never_read(tmp_path: Path) -> None:
    """Defect 21 of the reference: its vocoder's settings were YAML that could run anything."""
    canary = tmp_path / "canary"
    (tmp_path / "args.yml").write_text(f"!!python/object/apply:os.system ['touch {canary}']\n")
    with pytest.raises(StoreError, match="is YAML, which can hold code and is never read"):
        import_weights("melgan", tmp_path / "args.yml", to=tmp_path / "run")
    assert not canary.exists() and not (tmp_path / "run").exists()


def _missing(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["generator/resblocks.4.convs2.1.bias"]


def _surplus(tensors: dict[str, torch.Tensor]) -> None:
    tensors["generator/speaker.weight"] = torch.ones(2)


def _misshapen(tensors: dict[str, torch.Tensor]) -> None:
    tensors["generator/conv_post.bias"] = torch.ones(2)


def _infinite(tensors: dict[str, torch.Tensor]) -> None:
    tensors["generator/conv_pre.bias"][3] = torch.inf


def _enormous(tensors: dict[str, torch.Tensor]) -> None:
    for name in tensors:
        if name.endswith("weight_g"):
            tensors[name] *= 1e30


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_missing, r"resblocks\.4\.convs2\.1\.bias is missing"),
        (_surplus, r"speaker\.weight and 0 more are unknown"),
        (_misshapen, r"conv_post\.bias of this hifigan has the shape \[2\], wanted \[1\]"),
        (_infinite, r"conv_pre\.bias holds NaN or Inf"),
        (_enormous, "is not finite"),
    ],
)
def test_what_does_not_fit_is_refused_and_no_run_begins(spoil: object, message: str, tmp_path: Path) -> None:
    tensors = hand.hifigan()
    spoil(tensors)
    with pytest.raises(StoreError, match=message):
        import_weights("hifigan", _file(tmp_path, "hifigan", tensors), to=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_format_or_picture_is_refused_with_what_was_found(tmp_path: Path) -> None:
    path = _file(tmp_path, "hifigan", hand.hifigan())
    for format in ("melgan", "vocos"):
        with pytest.raises(StoreError, match=f"this is no {format}"):
            import_weights(format, path, to=tmp_path / "run")
    with pytest.raises(StoreError, match="did you mean 'hifigan'"):
        import_weights("hifgan", path, to=tmp_path / "run")
    with pytest.raises(StoreError, match="hears 80 bands, the mel preset vocos24k has 100"):
        import_weights("hifigan", path, to=tmp_path / "run", picture="vocos24k")
    (tmp_path / "config.json").write_text('{"sampling_rate": 44100}')
    with pytest.raises(StoreError, match="sampling_rate 44100, the mel preset hifigan22k 22050"):
        import_weights("hifigan", path, to=tmp_path / "run")
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(StoreError, match="cannot be read as JSON"):
        import_weights("hifigan", path, to=tmp_path / "run")
    (tmp_path / "config.json").unlink()
    other = _file(tmp_path, "vocos", hand.vocos(2 * _FILTERS))
    with pytest.raises(StoreError, match="other mel filters than the preset vocos24k"):
        import_weights("vocos", other, to=tmp_path / "run")


def _hostile(tensors: dict[str, torch.Tensor]) -> None:
    tensors["generator/ups.99999999.weight"] = torch.ones(2, 2, 2)


def test_names_and_words_that_ask_for_endless_work_are_refused(tmp_path: Path) -> None:
    tensors = hand.hifigan()
    _hostile(tensors)
    with pytest.raises(StoreError, match="100000000 parts"):
        import_weights("hifigan", _file(tmp_path, "hifigan", tensors), to=tmp_path / "run")
    path = _file(tmp_path, "hifigan", hand.hifigan())
    (tmp_path / "config.json").write_text('{"resblock_dilation_sizes": [[1, 3, 1000000000], [1, 3, 5], [1, 3, 5]]}')
    with pytest.raises(ParameterError, match="do not lie in 1…81"):
        import_weights("hifigan", path, to=tmp_path / "run")
    (tmp_path / "config.json").write_text('{"resblock_dilation_sizes": 3, "upsample_rates": {}}')
    with pytest.raises(StoreError, match=r"this is no hifigan|says upsample_rates"):
        import_weights("hifigan", path, to=tmp_path / "run")


def test_the_command_line_imports_and_says_what_it_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(tmp_path, "vocos", hand.vocos(_FILTERS))
    (tmp_path / "config.yaml").write_text("feature_extractor: {}\n")
    assert run(["import", "vocos", str(path), "--to", str(tmp_path / "run"), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["picture"] == "vocos24k" and "config.yaml lies beside the weights" in said.err
    assert run(["import", "vocos", str(tmp_path / "config.yaml"), "--to", str(tmp_path / "other")]) == 2
    assert run(["import", "vocos", str(path), "--to", str(tmp_path / "run")]) == 2  # a run is never overwritten
