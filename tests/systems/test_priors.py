"""Priors from any encoder by its name, and what a codec makes of one: a first codebook that is never learnt."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from journey import TINY_ALM, TINY_ALM_STAGE2, Journey
from smalti.audio import read, resample
from smalti.cli import run
from smalti.core import Audio, Encoder, LayeredEncoder, ParameterError, SpecError, StoreError
from smalti.features import LogMelEncoder
from smalti.store import load_weights
from smalti.systems import load_codec
from smalti.systems.encoders import named_encoder
from smalti.systems.hearing import Heard, View
from smalti.systems.pretrained import load_pretrained
from smalti.systems.registry import load_encoder
from smalti.train import load_prior

VOCAB = 11


def smalti(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    code = run([*map(str, arguments), "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return json.loads(shown.out)


@pytest.fixture(scope="module")
def wav2vec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav2vec 2.0 that has learnt nothing."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(6, 6),
        conv_kernel=(10, 4),
        conv_stride=(5, 4),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    folder = tmp_path_factory.mktemp("wav2vec")
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    return folder


def _items(rate: int) -> list[Audio]:
    generator = torch.Generator().manual_seed(0)
    return [Audio.single(0.1 * torch.randn(n, generator=generator), rate) for n in (4000, 20, 1, 1333)]


def _encoders(wav2vec: Path) -> list[Encoder]:
    return [LogMelEncoder(), load_pretrained(wav2vec), load_pretrained(wav2vec, layer=0)]


def test_encoders_give_one_frame_per_hop_begun_alone_as_in_a_batch(wav2vec: Path) -> None:
    for encoder in _encoders(wav2vec):
        assert isinstance(encoder, Encoder)
        items = _items(encoder.sample_rate)
        together = encoder.embed(Audio.batch(items))
        for row, item in enumerate(items):
            alone = encoder.embed(item)
            frames = -(-int(item.lengths[0]) // encoder.hop)
            assert alone.frames.shape == (1, frames, encoder.dim) and int(together.lengths[row]) == frames
            torch.testing.assert_close(together.frames[row, :frames], alone.frames[0], rtol=0, atol=1e-5)
        assert encoder.embed(Audio.single(torch.zeros(0), encoder.sample_rate)).frames.shape[1] == 0
        with pytest.raises(SpecError, match="audio is at 100 Hz"):
            encoder.embed(Audio.single(torch.zeros(9), 100))


def test_states_of_others_lie_around_their_hop(wav2vec: Path) -> None:
    encoder = load_pretrained(wav2vec, layer=0)
    assert (encoder.sample_rate, encoder.hop, encoder.dim) == (16000, 20, 12)
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(2000)
    moved = noise.clone()
    moved[1000:1020] *= -1  # frame 50, of the same mean square
    one, other = (encoder.embed(Audio.single(each, 16000)).frames[0] for each in (noise, moved))
    assert int((one - other).abs().sum(dim=1).argmax()) in (49, 50, 51)


def test_layers_differ_and_only_those_that_are_there_can_be_named(wav2vec: Path) -> None:
    prints = {named_encoder(wav2vec, layer=layer).fingerprint for layer in (0, 1, 2, None)}
    assert len(prints) == 3  # the last is what None means
    with pytest.raises(ParameterError, match=r"layer 3 is outside 0…2"):
        load_encoder(wav2vec, layer=3)
    with pytest.raises(ParameterError, match="log-mel, which has none"):
        load_encoder("log-mel", layer=1)


def test_all_layers_are_those_of_one_hearing_each_as_its_view_gives_it(wav2vec: Path) -> None:
    encoder = load_pretrained(wav2vec)
    assert isinstance(encoder, LayeredEncoder) and encoder.layers == 2
    items, heard = _items(encoder.sample_rate), list[int]()
    encoder._model.register_forward_hook(lambda *_: heard.append(1))
    layers = encoder.embed_layers(Audio.batch(items))
    assert len(layers) == 2 and len(heard) == len(items)  # once, not once a layer
    assert torch.equal(layers[1].frames, encoder.embed(Audio.batch(items)).frames)
    for number, found in enumerate(layers, start=1):
        view = encoder.at_layer(number)
        assert found.lengths.tolist() == [200, 1, 1, 67] and found.frames.shape == (4, 200, 12)
        assert torch.equal(found.frames, view.embed(Audio.batch(items)).frames)
        for row, item in enumerate(items):
            alone = view.embed(item).frames[0]
            torch.testing.assert_close(found.frames[row, : len(alone)], alone, rtol=0, atol=1e-5)
            assert not found.frames[row, len(alone) :].any()
    assert not torch.allclose(layers[0].frames[0], layers[1].frames[0], atol=1e-2)
    nothing = Audio(torch.zeros(0, 5), encoder.sample_rate, torch.zeros(0, dtype=torch.int64))
    assert [one.frames.shape for one in encoder.embed_layers(nothing)] == [(0, 0, 12)] * 2
    with pytest.raises(SpecError, match="audio is at 100 Hz"):
        encoder.embed_layers(Audio.single(torch.zeros(9), 100))


def test_layers_of_others_are_what_their_library_gives(wav2vec: Path) -> None:
    transformers = pytest.importorskip("transformers")
    encoder, model = load_pretrained(wav2vec), transformers.AutoModel.from_pretrained(wav2vec).eval()
    samples = 0.1 * torch.randn(2000, generator=torch.Generator().manual_seed(3))
    before, behind = 2, 3  # a frame hears 10 + 3 · 5 samples around its hop of 20
    even = torch.nn.functional.pad((samples - samples.mean()) / samples.std(correction=0), (before, behind))
    with torch.no_grad():
        states = model(even[None], output_hidden_states=True).hidden_states
    for layer, found in zip(states[1:], encoder.embed_layers(Audio.single(samples, 16000)), strict=True):
        torch.testing.assert_close(found.frames, layer, rtol=0, atol=1e-4)


def test_what_is_no_encoder_is_refused(wav2vec: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="mulaw is a codec, wanted an encoder"):
        load_encoder("mulaw")
    with pytest.raises(StoreError, match="not there"):
        load_encoder(tmp_path / "nothing")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(StoreError, match="kind 'bert', wanted an encoder of sound"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text((wav2vec / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04code")
    with pytest.raises(StoreError, match="no weights in safetensors"):
        load_encoder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(StoreError, match="cannot be opened by transformers"):
        load_encoder(tmp_path)
    save_file({"other": torch.zeros(1)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(StoreError, match=r"lacks .* tensors, such as"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(StoreError, match="no table of settings"):
        load_encoder(tmp_path)


def test_centres_come_back_from_their_file_and_name_frames(
    journey: Journey, wav2vec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = read(journey.sounds / "rain" / "rain-0000.flac")
    for number, (encoder, dim) in enumerate([("log-mel", 80), (wav2vec, 12)]):
        to = tmp_path / f"{number}.safetensors"
        found = smalti(capsys, "prior", encoder, "--data", journey.sounds, "--to", to, "--vocab", VOCAB)
        assert (found["vocab"], found["dim"], found["failed"]) == (VOCAB, dim, [])
        assert found["frames"] > 100 and 0 < found["left"] < 0.9
        prior, named = load_prior(to), named_encoder(encoder)
        assert prior.centres.shape == (VOCAB, dim) and prior.encoder == named.fingerprint
        tokenizer = prior.tokenizer(named.encoder)
        sound = resample(clip, named.encoder.sample_rate)
        codes = tokenizer.encode(sound).codes[0, 0]
        frames = named.encoder.embed(sound).frames[0]
        assert torch.equal(codes, torch.cdist(frames, prior.centres).argmin(dim=1))
        again = tmp_path / "again.safetensors"
        smalti(capsys, "prior", encoder, "--data", journey.sounds, "--to", again, "--vocab", VOCAB)
        assert again.read_bytes() == to.read_bytes()
        assert smalti(capsys, "verify", to)["damaged"] == []


def test_several_tables_share_the_centres_equally(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("rain", "pistons"):
        smalti(capsys, "prepare", journey.sounds / kind, "--to", tmp_path / f"{kind}.csv")
    to = tmp_path / "p.safetensors"
    data = ("--data", tmp_path / "rain.csv", "--data", tmp_path / "pistons.csv")
    smalti(capsys, "prior", "log-mel", *data, "--to", to, "--vocab", VOCAB)
    alone = tmp_path / "alone.safetensors"
    smalti(capsys, "prior", "log-mel", "--data", tmp_path / "rain.csv", "--to", alone, "--vocab", VOCAB // 2)
    both, rain = load_prior(to).centres, load_prior(alone).centres
    assert len(both) == VOCAB and torch.equal(both[: len(rain)], rain)


def test_recordings_that_cannot_be_read_are_listed(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smalti(capsys, "prepare", journey.sounds / "rain", "--to", tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text()
    (tmp_path / "m.csv").write_text(text.replace("rain-0000.flac", "gone.flac"))
    asked = ["prior", "log-mel", "--data", tmp_path / "m.csv", "--to", tmp_path / "p.safetensors", "--vocab", VOCAB]
    assert run([*map(str, asked), "--json"]) == 1
    failed = json.loads(capsys.readouterr().out)["failed"]
    assert len(failed) == 1 and failed[0]["path"].endswith("gone.flac")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["log-mel", "--vocab", "99999"], "wanted at least 99999 centres"),
        (["log-mel", "--vocab", "11", "--layer", "2"], "found layer 2 for log-mel"),
        (["mulaw", "--vocab", "11"], "is a codec, wanted an encoder"),
        (["log-mel", "--vocab", "11", "windw=2"], "did you mean window?"),
    ],
)
def test_what_cannot_be_learnt_is_refused(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    to = tmp_path / "p.safetensors"
    assert run(["prior", *asked, "--data", str(journey.sounds), "--to", str(to)]) == 2
    assert said in capsys.readouterr().err and not to.exists()
    assert (
        run(["prior", "log-mel", "--vocab", "11", "--data", str(journey.sounds), "--to", str(tmp_path / "p.bin")]) == 2
    )
    assert "wanted .safetensors" in capsys.readouterr().err


def test_a_codec_with_a_prior_learns_around_it_and_needs_the_file_no_more(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prior, out = tmp_path / "p.safetensors", tmp_path / "run"
    smalti(capsys, "prior", "log-mel", "--data", journey.sounds, "--to", prior, "--vocab", VOCAB)
    centres = load_prior(prior).centres
    asked = ("almtokenizer/tiny", "--data", journey.sounds, "--out", out, *TINY_ALM, f"model.codes.prior={prior}")
    smalti(capsys, "train", *asked)
    prior.unlink()
    held = load_weights(out / "weights.safetensors").tensors
    assert torch.equal(held["quantizer.layers.0.vectors"], centres)
    codec = load_codec(Heard(out, view=View(window=4)))
    clip = resample(read(journey.sounds / "rain" / "rain-0000.flac"), 24000)
    tokens = codec.encode(clip)
    assert codec.decode(tokens).samples.shape == clip.samples.shape
    smalti(capsys, "encode", out, "--data", journey.sounds, "--to", tmp_path / "tokens", "window=3")
    assert smalti(capsys, "export", out, "--to", tmp_path / "graphs", "window=3")["steps_compared"] > 0
    assert smalti(capsys, "verify", tmp_path / "tokens")["damaged"] == []


def test_a_run_with_vectors_is_an_encoder_at_the_rate_that_is_named(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--data", journey.sounds, "--vocab", VOCAB)
    found = [
        smalti(capsys, "prior", journey.alm, *asked, "--to", tmp_path / f"{window}.safetensors", f"window={window}")
        for window in (2, 10)
    ]
    assert found[0]["frames"] > 3 * found[1]["frames"]
    priors = [load_prior(tmp_path / f"{window}.safetensors") for window in (2, 10)]
    assert priors[0].encoder != priors[1].encoder and [prior.hop for prior in priors] == [640, 3200]


def test_a_second_stage_guesses_later_codebooks_from_a_fixed_first(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prior, out = tmp_path / "p.safetensors", tmp_path / "run"
    smalti(capsys, "prior", "log-mel", "--data", journey.sounds, "--to", prior, "--vocab", VOCAB)
    settings = (*TINY_ALM_STAGE2, f"model.codes.prior={prior}")
    smalti(capsys, "train", "almtokenizer/stage2", "--data", journey.sounds, "--out", out, *settings)
    held = load_weights(out / "weights.safetensors").tensors
    assert torch.equal(held["quantizer.layers.0.vectors"], load_prior(prior).centres)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert any("autoregressive" in line for line in lines)


def test_a_prior_that_does_not_fit_is_refused_by_name(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prior = tmp_path / "p.safetensors"
    smalti(capsys, "prior", "log-mel", "--data", journey.sounds, "--to", prior, "--vocab", 7)
    asked = ["train", "almtokenizer/tiny", "--data", journey.sounds, "--out", tmp_path / "run", *TINY_ALM]
    assert run([*map(str, asked), f"model.codes.prior={prior}"]) == 2
    assert "holds 7 centres, wanted 11 (model.codes.vocab)" in capsys.readouterr().err
    weights = journey.codec / "weights.safetensors"
    assert run([*map(str, asked), f"model.codes.prior={weights}"]) == 2
    assert "holds no prior" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
