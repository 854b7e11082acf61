"""DAC's weights: the net computes what those of its authors and of transformers do, and what does not fit is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from journey import TINY_LM
from smalti.cli import run
from smalti.core import Audio, StoreError
from smalti.data.textures import textures
from smalti.store import sha256
from smalti.systems import load_codec
from smalti.systems.dac import DAC
from smalti.systems.dac.foreign import adopt_dac
from smalti.systems.importing import import_weights

Tensors = dict[str, torch.Tensor]
# strides, codebooks, latent and rate of the published models
LAYOUTS = {
    "44khz": ([2, 4, 8, 8], 9, None, 44100),
    "24khz": ([2, 4, 5, 8], 32, None, 24000),
    "16khz": ([2, 4, 5, 8], 12, None, 16000),
    "44khz-16kbps": ([2, 4, 8, 8], 18, 10, 44100),
}
NARROW = {"encoder_hidden_size": 2, "decoder_hidden_size": 32, "codebook_size": 16, "codebook_dim": 5}
WIDE = {"encoder_hidden_size": 64, "decoder_hidden_size": 1536, "codebook_size": 1024, "codebook_dim": 8}


def theirs(layout: str, sizes: dict[str, int], latent: int | None = None) -> torch.nn.Module:
    transformers = pytest.importorskip("transformers")
    strides, codebooks, narrow_latent, rate = LAYOUTS[layout]
    found = latent or narrow_latent
    config = transformers.DacConfig(
        downsampling_ratios=strides,
        n_codebooks=codebooks,
        sampling_rate=rate,
        **sizes,
        **({} if found is None else {"hidden_size": found}),
    )
    torch.manual_seed(codebooks)
    model = transformers.DacModel(config).eval()
    with torch.no_grad():  # as trained: no two channels bend alike, and the codes lie where the latents do
        for name, value in model.named_parameters():
            if name.endswith("alpha"):
                value.copy_(torch.rand_like(value) + 0.5)
            if name.endswith("codebook.weight"):
                value.copy_(torch.randn_like(value))
    return model


def of_the_authors(tensors: Tensors, *, normed: bool, stages: int = 4) -> Tensors:
    """The same weights as the authors name them; normed ones with lengths that are not those of their directions."""
    found: Tensors = {}
    generator = torch.Generator().manual_seed(5)
    for name, tensor in tensors.items():
        name = _authors(name, stages)
        if normed and name.endswith(".weight") and tensor.dim() == 3:
            stretch = torch.rand(len(tensor), 1, 1, generator=generator) + 0.5
            found[name + "_v"] = tensor * stretch
            found[name + "_g"] = tensor.flatten(1).norm(dim=1)[:, None, None]
        else:
            found[name] = tensor
    return {name: value.clone() for name, value in found.items()}


def _authors(name: str, stages: int) -> str:
    part, *rest = name.split(".")
    if part == "quantizer":
        return name
    top = "encoder.block" if part == "encoder" else "decoder.model"
    if rest[0] != "block":
        place = {"conv1": 0, "snake1": stages + 1, "conv2": stages + 2}[rest[0]]
        return f"{top}.{place}.{rest[1]}"
    units = {f"res_unit{i + 1}": i + (2 if part == "decoder" else 0) for i in range(3)}
    own = units | ({"snake1": 3, "conv1": 4} if part == "encoder" else {"snake1": 0, "conv_t1": 1})
    inner = {"snake1": 0, "conv1": 1, "snake2": 2, "conv2": 3}
    ends = [".block", str(inner[rest[3]]), rest[4]] if len(rest) == 5 else ["", rest[3]]
    return f"{top}.{int(rest[1]) + 1}.block.{own[rest[2]]}" + ".".join([ends[0], *ends[1:]])


def file_of(model: torch.nn.Module, spelling: str, folder: Path) -> Path:
    """The model on disk, as its authors or transformers keep it."""
    if spelling == "transformers":
        model.save_pretrained(folder)  # pyright: ignore[reportCallIssue]
        return folder
    tensors = of_the_authors(dict(model.state_dict()), normed=spelling != "plain")
    if spelling == "pickled":
        path = folder / "weights_44khz_8kbps_0.0.1.pth"
        torch.save({"state_dict": tensors, "metadata": {"kwargs": {"encoder_dim": 64}, "tag": None}}, path)
    else:
        path = folder / "weights.safetensors"
        save_file(tensors, path)
    return path


@torch.no_grad()
def check(codec: DAC, model: torch.nn.Module, frames: int) -> None:
    """Whole frames of sound: equal latents, codes and sound."""
    generator = torch.Generator().manual_seed(1)
    sound = 0.3 * torch.randn(2, frames * codec.hop, generator=generator)
    audio = Audio(sound, codec.sample_rate, torch.full((2,), sound.shape[1]))
    wanted = model.encoder(sound[:, None])
    torch.testing.assert_close(codec.embed(audio).frames.mT, wanted, rtol=0, atol=1e-5)
    tokens = codec.encode(audio)
    assert torch.equal(tokens.codes, model.encode(sound[:, None]).audio_codes)
    heard = model.decode(audio_codes=tokens.codes).audio_values
    assert heard.shape[1] <= sound.shape[1] and heard.abs().max() > 1e-3
    torch.testing.assert_close(codec.decode(tokens).samples[:, : heard.shape[1]], heard, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("layout", "spelling"),
    [(layout, spelling) for layout in LAYOUTS for spelling in ("normed", "transformers")]
    + [("16khz", "plain"), ("16khz", "pickled")],
)
def test_published_layouts_hear_and_sound_as_there(layout: str, spelling: str, tmp_path: Path) -> None:
    model = theirs(layout, NARROW)
    report = import_weights("dac", file_of(model, spelling, tmp_path), to=tmp_path / "run")
    codec = load_codec(tmp_path / "run")
    assert isinstance(codec, DAC)
    strides, codebooks, _, rate = LAYOUTS[layout]
    assert list(codec.net.config.strides) == strides
    assert (codec.sample_rate, codec.most_codebooks, codec.dim) == (rate, codebooks, model.encoder.conv2.out_channels)
    assert report.parameter_count == sum(value.numel() for value in model.parameters())
    check(codec, model, 3)


@pytest.mark.faults
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("spelling", ["normed", "transformers"])
def test_published_sizes_hear_and_sound_as_there(layout: str, spelling: str, tmp_path: Path) -> None:
    model = theirs(layout, WIDE, latent=128 if layout == "44khz-16kbps" else 1024)
    import_weights("dac", file_of(model, spelling, tmp_path), to=tmp_path / "run")
    codec = load_codec(tmp_path / "run")
    assert isinstance(codec, DAC)
    check(codec, model, 25)


def _missing(tensors: Tensors) -> None:
    del tensors["decoder.model.2.block.3.block.1.bias"]


def _surplus(tensors: Tensors) -> None:
    tensors["encoder.block.7.weight"] = torch.ones(2)


def _misshapen(tensors: Tensors) -> None:
    tensors["decoder.model.6.bias"] = torch.ones(2)


def _infinite(tensors: Tensors) -> None:
    tensors["encoder.block.0.bias"] = torch.tensor([0, torch.inf])


def _another(tensors: Tensors) -> None:
    tensors.clear()
    tensors["conv_pre.weight"] = torch.ones(2, 2, 2)


def _enormous(tensors: Tensors) -> None:
    for name in ("encoder.block.0.weight", "encoder.block.6.weight"):
        tensors[name] *= 1e30


def _no_codes(tensors: Tensors) -> None:
    for name in [name for name in tensors if name.startswith("quantizer.")]:
        del tensors[name]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_missing, r"decoder\.model\.2\.block\.3\.block\.1\.bias is missing"),
        (_surplus, r"encoder\.block\.7\.weight and 0 more are unknown"),
        (_misshapen, r"decoder\.model\.6\.bias of this dac has the shape \[2\], wanted \[1\]"),
        (_infinite, r"encoder\.block\.0\.bias holds NaN or Inf"),
        (_another, r"neither encoder\.block\.0\.weight nor encoder\.conv1\.weight is there"),
        (_enormous, "is not finite"),
        (_no_codes, r"this is no dac: 'quantizer\.quantizers\.0\.codebook\.weight' is not there"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(spoil: Callable[[Tensors], None], message: str) -> None:
    tensors = of_the_authors(dict(theirs("16khz", NARROW).state_dict()), normed=False)
    spoil(tensors)
    with pytest.raises(StoreError, match=message):
        adopt_dac(tensors, {})


def test_a_rate_that_nothing_tells_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = theirs("16khz", NARROW)
    tensors = {
        name: value for name, value in model.state_dict().items() if not name.startswith("quantizer.quantizers.11")
    }
    save_file(tensors, tmp_path / "weights.safetensors")
    command = ["import", "dac", str(tmp_path / "weights.safetensors"), "--to", str(tmp_path / "run"), "--json"]
    assert run(command) == 2
    assert "hop 320 and 11 codebooks are no published model" in capsys.readouterr().err
    assert run([*command, "--sample-rate", "22050"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["format"], report["net"], report["picture"]) == ("dac", "dac", "")
    assert report["sha256"] == sha256(tmp_path / "weights.safetensors")
    assert load_codec(tmp_path / "run").spec.sample_rate == 22050


def test_the_words_beside_a_file_tell_the_rate_and_bear_no_other(tmp_path: Path) -> None:
    model = theirs("44khz", NARROW)
    model.config.sampling_rate = 48000  # pyright: ignore
    folder = file_of(model, "transformers", tmp_path / "theirs")
    import_weights("dac", folder, to=tmp_path / "run")
    assert load_codec(tmp_path / "run").spec.sample_rate == 48000
    with pytest.raises(StoreError, match="says sampling_rate 48000, found 44100 Hz asked for"):
        import_weights("dac", folder, to=tmp_path / "other", sample_rate=44100)
    with pytest.raises(StoreError, match="leave --sample-rate out"):
        import_weights("encodec", folder, to=tmp_path / "other", sample_rate=44100)
    words = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**words, "sampling_rate": "fast"}))
    with pytest.raises(StoreError, match="says sampling_rate 'fast', wanted a number of Hz"):
        import_weights("dac", folder, to=tmp_path / "other")


def test_from_a_checkpoint_by_way_of_dac_files_to_a_model_that_sounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    textures(tmp_path / "sounds", clips=6, seconds=0.3, kinds=["rain"], sample_rate=16_000)
    weights = file_of(theirs("16khz", NARROW | {"codebook_size": 1024}), "pickled", tmp_path)
    assert run(["import", "dac", str(weights), "--to", "dac run"]) == 0
    rows = ["Full File Name,Class Name,wetness"]
    (tmp_path / "coded").mkdir()
    for number, path in enumerate(sorted((tmp_path / "sounds").rglob("*.flac"))):
        assert run(["encode", "dac run", str(path), "--to", f"coded/{number} ü.dac"]) == 0
        rows.append(f"{number} ü.dac,Regen,{number % 2}")
    (tmp_path / "coded.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    prepared = ["prepare", "coded.csv", "--corpus", "syntex", "--hold-out", "0.4", "--to", "coded/manifest.csv"]
    assert run(prepared) == 0
    assert run(["encode", "dac run", "codebooks=2", "--data", "coded/manifest.csv", "--to", "tokens"]) == 0
    assert run(["train", "synthformer/tiny", "--data", "tokens", "--out", "model", *TINY_LM]) == 0
    asked = ["--label", "Regen", "--set", "wetness=0:1", "--seconds", "0.3"]
    assert run(["generate", "model", *asked, "--to", "regen.wav"]) == 0
    capsys.readouterr()
    scored = ["evaluate", "generation", "model", "--data", "coded/manifest.csv", "--seconds", "0.3", "--clips", "2"]
    assert run([*scored, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bits_per_token"]["model"] > 0
