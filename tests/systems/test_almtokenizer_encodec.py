"""EnCodec's weights: the ends compute what its authors' nets do, and what does not fit is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from smalti.cli import run
from smalti.config import load_settings
from smalti.core import StoreError
from smalti.store import load_weights, read_foreign_weights
from smalti.systems.almtokenizer import ALMTokenizerConfig
from smalti.systems.almtokenizer.config import SeanetEndsConfig
from smalti.systems.almtokenizer.foreign import ForeignEnds, adopt_encodec
from smalti.systems.almtokenizer.seanet import SeanetBack, SeanetFront
from smalti.systems.importing import import_weights

Tensors = dict[str, torch.Tensor]
SIZES = {
    "num_filters": 4,
    "hidden_size": 6,
    "codebook_size": 8,
    "target_bandwidths": [1.5],
    "upsampling_ratios": [3, 2],
}
FRAMES, HOP = 21, 6


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.EncodecConfig(pad_mode="constant", sampling_rate=16000, **SIZES)
    return transformers.EncodecModel(config).eval()


@pytest.fixture(scope="module")
def folder(theirs: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encodec")
    theirs.save_pretrained(path)  # pyright: ignore[reportCallIssue]
    return path


def words(folder: Path) -> dict[str, object]:
    return json.loads((folder / "config.json").read_text())


def plain(tensors: Tensors) -> Tensors:
    """The same weights as the package `encodec` names them."""
    renamed: Tensors = {}
    for name, tensor in tensors.items():
        up = name.startswith(("decoder.layers.3.", "decoder.layers.6."))
        name = name.replace(".layers.", ".model.").replace(".conv.", ".convtr.convtr." if up else ".conv.conv.")
        name = name.replace("parametrizations.weight.original0", "weight_g")
        renamed[name.replace("parametrizations.weight.original1", "weight_v")] = tensor
    return renamed


@torch.no_grad()
def check(ends: ForeignEnds, theirs: torch.nn.Module) -> None:
    generator = torch.Generator().manual_seed(1)
    sound = 0.3 * torch.randn(2, FRAMES * HOP, generator=generator)
    wanted = theirs.encoder(sound[:, None])
    torch.testing.assert_close(ends.front.forward(sound), wanted.mT, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    frames = torch.randn(2, FRAMES, 6, generator=generator)
    wanted = theirs.decoder(frames.mT)[:, 0]
    torch.testing.assert_close(ends.back.forward(frames), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


def test_a_folder_of_transformers_hears_and_sounds_as_there(folder: Path, theirs: torch.nn.Module) -> None:
    ends = adopt_encodec(read_foreign_weights(folder / "model.safetensors"), words(folder))
    check(ends, theirs)
    assert (ends.sample_rate, ends.front.hop, ends.config.ratios) == (16000, HOP, (2, 3))
    assert (ends.config.filters, ends.config.dim, ends.config.lstm) == (4, 6, 2)


def test_a_state_dict_of_encodec_hears_and_sounds_as_there(theirs: torch.nn.Module, tmp_path: Path) -> None:
    tensors = plain(theirs.state_dict())
    tensors["quantizer.vq.layers.0._codebook.embed"] = torch.zeros(8, 6)
    torch.save(tensors, tmp_path / "encodec.th")
    ends = adopt_encodec(read_foreign_weights(tmp_path / "encodec.th"), {})
    check(ends, theirs)
    assert ends.sample_rate == 24000


def test_their_state_is_the_state_of_a_net_and_plain(folder: Path) -> None:
    ends = adopt_encodec(read_foreign_weights(folder / "model.safetensors"), words(folder))
    state = ends.state()
    assert {name.partition(".")[0] for name in state} == {"front", "back"}
    assert state["front.net.down1.weight"].shape == (16, 8, 6) and not any("original" in name for name in state)
    assert all(value.requires_grad for value in ends.front.parameters())


def _missing(tensors: Tensors) -> None:
    del tensors["decoder.layers.4.block.3.conv.bias"]


def _half(tensors: Tensors) -> None:
    del tensors["encoder.layers.3.conv.parametrizations.weight.original0"]


def _surplus(tensors: Tensors) -> None:
    tensors["encoder.layers.99.conv.bias"] = torch.ones(2)


def _misshapen(tensors: Tensors) -> None:
    tensors["decoder.layers.9.conv.bias"] = torch.ones(2)


def _infinite(tensors: Tensors) -> None:
    tensors["encoder.layers.0.conv.bias"] = torch.tensor([0, 0, torch.inf, 0])


def _another(tensors: Tensors) -> None:
    tensors.clear()
    tensors["conv_pre.weight"] = torch.ones(2, 2, 2)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_missing, r"decoder\.layers\.4\.block\.3\.conv\.bias is missing"),
        (_half, r"encoder\.layers\.3\.conv\.weight' is not there"),
        (_surplus, r"encoder\.layers\.99\.conv\.bias and 0 more are unknown"),
        (_misshapen, r"decoder\.layers\.9\.conv\.bias of this encodec has the shape \[2\], wanted \[1\]"),
        (_infinite, r"encoder\.layers\.0\.conv\.bias holds NaN or Inf"),
        (_another, r"this is no encodec: encoder\.layers\.0\.conv\.weight is not there"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(folder: Path, spoil: Callable[[Tensors], None], message: str) -> None:
    tensors = read_foreign_weights(folder / "model.safetensors")
    spoil(tensors)
    with pytest.raises(StoreError, match=message):
        adopt_encodec(tensors, words(folder))


def test_the_command_line_makes_a_run_of_a_folder(
    folder: Path, theirs: torch.nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", "encodec", str(folder), "--to", str(tmp_path / "run"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["format"], report["net"], report["picture"]) == ("encodec", "seanet", "")
    config = load_settings(ALMTokenizerConfig, tmp_path / "run" / "config.toml")
    assert config.model.sample_rate == 16000 and isinstance(config.model.ends, SeanetEndsConfig)
    front, back = SeanetFront(config.model.ends), SeanetBack(config.model.ends)
    kept = load_weights(tmp_path / "run" / "weights.safetensors").tensors
    for name, end in (("front.", front), ("back.", back)):
        end.load_state_dict({key.removeprefix(name): kept[key] for key in kept if key.startswith(name)})
    check(ForeignEnds(16000, config.model.ends, front, back), theirs)
    assert report["parameter_count"] == sum(value.numel() for value in kept.values())


def test_a_folder_without_weights_and_a_picture_for_waveforms_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds none of model\.safetensors, pytorch_model\.bin"):
        import_weights("encodec", tmp_path, to=tmp_path / "run")
    with pytest.raises(StoreError, match="takes none; leave --picture out"):
        import_weights("encodec", folder, to=tmp_path / "run", picture="vocos24k")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("word", "value"), [("use_causal_conv", False), ("norm_type", "time_group_norm"), ("audio_channels", 2)]
)
def test_an_encodec_built_otherwise_is_refused_by_its_word(folder: Path, word: str, value: object) -> None:
    tensors = read_foreign_weights(folder / "model.safetensors")
    with pytest.raises(StoreError, match=f"config.json says {word} {value}, wanted"):
        adopt_encodec(tensors, {**words(folder), word: value})
