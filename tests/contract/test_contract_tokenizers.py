"""The exam of every tokenizer, whether or not its tokens can be heard: lengths, batches, stores, searches, refusals."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.core import Audio, SpecError, Tokenizer, Tokens
from smalti.data.manifest import Manifest
from smalti.search import SearchSettings
from smalti.store import TokenStore, read_smt
from smalti.systems.registry import load_codec, load_tokenizer, load_tokenizer_of
from smalti.systems.searching import index, search
from smalti.systems.show import show, verify
from smalti.systems.transcoding import encode

TOKENIZERS: dict[str, Callable[[Journey], Path | str]] = {
    "mulaw": lambda _: "mulaw",
    "melvqvae": lambda journey: journey.codec,
    "almtokenizer": lambda journey: journey.alm,
    "kmeans": lambda journey: journey.kmeans,
    "wav2tok": lambda journey: journey.wav2tok,
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def run(request: pytest.FixtureRequest, journey: Journey) -> Path | str:
    return TOKENIZERS[request.param](journey)


@pytest.fixture(scope="module")
def tokenizer(run: Path | str) -> Tokenizer:
    return load_tokenizer(run)


def sound(tokenizer: Tokenizer, samples: int) -> Audio:
    """Noise that grows, a function of its length."""
    generator = torch.Generator().manual_seed(samples)
    wave = torch.randn(samples, generator=generator) * torch.linspace(0.01, 0.3, max(samples, 1))[:samples]
    return Audio.single(wave, tokenizer.spec.sample_rate)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 2, 0, 3, 1)])
def test_an_item_alone_equals_the_item_in_any_batch(tokenizer: Tokenizer, order: tuple[int, ...]) -> None:
    hop = tokenizer.spec.hop
    items = [sound(tokenizer, (1, hop, hop + 1, 7 * hop + 3, 13 * hop)[place]) for place in order]
    together = tokenizer.encode(Audio.batch(items))
    for item, tokens in zip(items, together.items(), strict=True):
        alone = tokenizer.encode(item)
        assert torch.equal(tokens.codes, alone.codes)
        assert alone.codes.shape[2] == -(-int(item.lengths[0]) // hop)
        assert int(alone.codes.min()) >= 0 and int(alone.codes.max()) < tokenizer.spec.vocab


def test_silence_and_a_constant_have_tokens_too(tokenizer: Tokenizer) -> None:
    for level in (0.0, 0.5):
        audio = Audio.single(torch.full((3 * tokenizer.spec.hop,), level), tokenizer.spec.sample_rate)
        assert tokenizer.encode(audio).codes.shape[2] == 3


def test_another_rate_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(SpecError, match="resample"):
        tokenizer.encode(Audio.single(torch.zeros(1000), tokenizer.spec.sample_rate + 1))


def test_a_store_and_a_file_hold_what_encode_gives_and_the_store_knows_its_tokenizer(
    run: Path | str, tokenizer: Tokenizer, journey: Journey, tmp_path: Path
) -> None:
    encode(run, data=journey.sounds, to=tmp_path / "store")
    store, path = TokenStore.open(tmp_path / "store"), Manifest.read(journey.sounds).paths()[0]
    encode(run, [path], to=tmp_path / "one.smt")
    found = read_smt(tmp_path / "one.smt")
    kept = store.tokens(store.clips["path"].to_pylist().index(str(Manifest.read(journey.sounds).table["path"][0])))
    assert torch.equal(found.codes, kept.codes) and found.spec == store.spec == tokenizer.spec
    assert verify(tmp_path / "store") == []
    assert load_tokenizer_of(tmp_path / "store" / "tokenizer", store.spec).spec == store.spec


def test_a_sound_is_found_in_an_index_of_it_and_foreign_tokens_are_refused(
    run: Path | str, tokenizer: Tokenizer, journey: Journey, tmp_path: Path
) -> None:
    path = Manifest.read(journey.sounds).paths()[3]
    index(run, data=journey.sounds, to=tmp_path / "index")
    hits = search(tmp_path / "index", [path], SearchSettings(top=40, candidates=2000)).found[0].hits
    # what has learnt nothing gives several sounds one string
    best = {Path(hit.path).resolve() for hit in hits if hit.score == 1.0}
    assert path.resolve() in best
    foreign = dataclasses.replace(tokenizer.spec, tokenizer="0" * 64)
    with pytest.raises(SpecError):
        tokenizer.spec.require(Tokens(torch.zeros(1, foreign.codebooks, 2).long(), foreign, torch.tensor([2])).spec)


def test_clusters_cannot_be_heard_and_say_so(journey: Journey) -> None:
    with pytest.raises(SpecError, match="cannot be heard"):
        load_codec(journey.kmeans)


def test_a_run_of_clusters_stands_alone_with_its_encoder(journey: Journey, tmp_path: Path) -> None:
    from journey import TINY_KMEANS
    from smalti.systems.training import train

    shutil.copytree(journey.alm, tmp_path / "alm")
    train("kmeans", data=journey.sounds, out=tmp_path / "run", encoder=tmp_path / "alm", overrides=TINY_KMEANS,
          progress=False)  # fmt: skip
    spec = load_tokenizer(tmp_path / "run").spec
    shutil.rmtree(tmp_path / "alm")
    index(tmp_path / "run", data=journey.sounds, to=tmp_path / "index")
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    assert load_tokenizer(tmp_path / "elsewhere").spec == spec
    assert show(tmp_path / "elsewhere")["spec"]["vocab"] == 11
    assert len(search(tmp_path / "index", [Manifest.read(journey.sounds).paths()[0]]).found[0].hits) > 1
    assert verify(tmp_path / "elsewhere") == verify(tmp_path / "index") == []
