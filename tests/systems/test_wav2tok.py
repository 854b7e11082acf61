"""Front ends, nets, what a step is shown, every way to learn, and which weights are kept."""

from pathlib import Path

import pytest
import torch

from journey import TINY_WAV2TOK
from smalti.config import load_settings
from smalti.core import AcousticTokenizer, Audio, ConfigError, Embedding, SpecError
from smalti.data.manifest import Manifest
from smalti.data.pairs import Drawn
from smalti.systems.wav2tok import Wav2Tok, Wav2TokConfig, Wav2TokRecipe
from smalti.systems.wav2tok.config import MfccFrontConfig, SpeechFrontConfig, StftFrontConfig, VaryConfig
from smalti.systems.wav2tok.fronts import FrontEnd, find_front
from smalti.systems.wav2tok.net import StringNet
from smalti.systems.wav2tok.splicing import spliced
from smalti.systems.wav2tok.variety import Varied, vary

FRONTS = {"speech": SpeechFrontConfig(bands=17), "mfcc": MfccFrontConfig(), "stft": StftFrontConfig(n_fft=512)}
KEPT = [line for line in TINY_WAV2TOK if "front" not in line]


def settings(*overrides: str, front: str = "speech") -> Wav2TokConfig:
    bands = "\nbands = 17" if front == "speech" else ""
    return load_settings(Wav2TokConfig, f'[model.front]\nkind = "{front}"{bands}\n', [*KEPT, *overrides])


@pytest.fixture(scope="module")
def manifest(sounds: Path) -> Manifest:
    return Manifest.read(sounds)


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest) -> FrontEnd:
    return find_front(FRONTS[request.param])


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_every_hop_begun_has_a_frame_of_finite_numbers(front: FrontEnd) -> None:
    for samples in (1, front.hop - 1, front.hop, 5 * front.hop + 3):
        for level in (0.0, 0.3):
            frames = front.frames(level * noise(samples))
            assert frames.shape == (-(-samples // front.hop), front.bins) and frames.isfinite().all()


def test_normalised_frames_of_an_item_are_those_of_it_alone(front: FrontEnd) -> None:
    clips = [front.frames(noise(samples, seed=samples)) for samples in (9 * front.hop, 4 * front.hop)]
    lengths = torch.tensor([9, 4])
    together = front.normalised(torch.nn.utils.rnn.pad_sequence(clips, batch_first=True), lengths)
    for clip, length, found in zip(clips, lengths.tolist(), together, strict=True):
        alone = front.normalised(clip[None], torch.tensor([length]))[0]
        torch.testing.assert_close(found[:length], alone, rtol=0, atol=1e-5)
        assert not found[length:].any()


def test_loudness_and_a_microphone_change_no_frame_and_quiet_ends_go_unheard() -> None:
    front = find_front(SpeechFrontConfig(bands=17, floor_db=500, active_db=500))
    clip, lengths = front.frames(noise(3200)), torch.tensor([20])
    curve = noise(17, seed=1)
    first, second = (front.normalised(one[None], lengths) for one in (clip, clip + curve + 3))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4)
    assert first.abs().max() > 1
    sound = torch.cat([torch.zeros(1600), noise(1600), torch.zeros(800)])
    assert front.sounding(front.frames(sound)) == range(8, 22)  # windows of 25 ms, and one frame more


def words(*gaps: float, hiss: float = 0.003) -> torch.Tensor:
    """Half a second of loud noise before each gap and after the last, over quiet noise."""
    parts = [noise(8000, seed=7)]
    for number, gap in enumerate(gaps):
        parts += [torch.zeros(round(gap * 16_000)), 0.4 * noise(8000, seed=number)]
    sound = torch.cat(parts)
    return sound + hiss * noise(len(sound), seed=99)


def test_what_lies_between_pauses_is_found_over_noise_and_a_short_gap_is_none() -> None:
    front = find_front(SpeechFrontConfig(bands=17))
    found = front.stretches(front.frames(words(1.0, 0.2, 0.6)))
    wanted = [(0, 50), (150, 270), (330, 380)]
    assert len(found) == 3
    assert all(abs(s.start - a) <= 2 and abs(s.stop - b) <= 2 for s, (a, b) in zip(found, wanted, strict=True))
    without = find_front(SpeechFrontConfig(bands=17, pause=0))
    assert without.stretches(without.frames(words(1.0))) == [range(200)]


def test_a_word_is_named_in_a_long_recording_as_it_is_alone_and_begins_where_it_does() -> None:
    torch.manual_seed(0)
    config = settings().model
    tokenizer = Wav2Tok(StringNet(config, 17).eval(), config)
    sound = words(1.0, 0.8)
    frames = tokenizer.front.frames(sound)
    with torch.no_grad():
        whole = tokenizer.encode(Audio.single(sound, 16_000)).codes[0, 0]
        for stretch in tokenizer.front.stretches(frames):
            first = stretch.start // 2
            alone = tokenizer.hear(frames[2 * first : stretch.stop]).codes[0]
            assert torch.equal(whole[first : first + len(alone)], alone)
    assert len(whole[27:73].unique()) == 1  # a pause is named as what came before it


def acoustics(tokenizer: Wav2Tok, audio: Audio) -> Embedding:
    with torch.no_grad():
        return tokenizer.beliefs_and_acoustics(audio)[1]


def test_what_frames_sound_like_is_that_of_a_word_alone_at_any_loudness_in_any_batch() -> None:
    config = settings().model
    tokenizer = Wav2Tok(StringNet(config, 17).eval(), config)
    sound = words(1.0, 0.8)
    found = acoustics(tokenizer, Audio.single(sound, 16_000))
    assert found.frames.shape == (1, -(-len(sound) // 320), 39)
    frames = tokenizer.front.frames(sound)
    for stretch in tokenizer.front.stretches(frames):
        first = stretch.start // 2
        alone = acoustics(tokenizer, Audio.single(sound[640 * (first // 2) : 160 * stretch.stop], 16_000)).frames[0]
        whole = found.frames[0, first : first + 20]
        ours = alone[first % 2 : first % 2 + 20] if first % 2 else alone[:20]
        assert (whole - ours).abs().mean() < 0.15
    louder = acoustics(tokenizer, Audio.single(4 * sound, 16_000)).frames
    torch.testing.assert_close(louder, found.frames, rtol=0, atol=1e-3)
    batch = acoustics(tokenizer, Audio.batch([Audio.single(noise(5000), 16_000), Audio.single(sound, 16_000)]))
    assert torch.equal(batch.frames[1], found.frames[0]) and batch.lengths.tolist() == [16, found.frames.shape[1]]
    assert acoustics(tokenizer, Audio.single(torch.zeros(0), 16_000)).frames.shape == (1, 0, 39)


def test_beliefs_beside_acoustics_are_those_asked_for_alone() -> None:
    config = settings().model
    tokenizer = Wav2Tok(StringNet(config, 17).eval(), config)
    assert isinstance(tokenizer, AcousticTokenizer)
    for audio in (
        Audio.batch([Audio.single(noise(5000), 16_000), Audio.single(words(1.0, 0.8), 16_000)]),
        Audio.single(torch.zeros(0), 16_000),
    ):
        (found, sounds), alone = tokenizer.beliefs_and_acoustics(audio), tokenizer.log_probabilities(audio)
        assert torch.equal(found.frames, alone.frames) and torch.equal(found.lengths, alone.lengths)
        assert torch.equal(sounds.lengths, alone.lengths)
    with pytest.raises(SpecError):
        tokenizer.beliefs_and_acoustics(Audio.single(noise(5000), 8_000))


def test_a_long_recording_s_acoustics_are_finite_and_those_of_its_blocks() -> None:
    config = settings("model.front.pause=0").model
    tokenizer = Wav2Tok(StringNet(config, 17).eval(), config)
    sound = noise(16_000 * 25)
    found = acoustics(tokenizer, Audio.single(sound, 16_000)).frames[0]
    assert found.isfinite().all() and len(found) == 1250
    for block in (found[:500], found[500:1000], found[1000:]):
        assert block.mean(dim=0).abs().max() < 0.01


def test_acoustics_are_of_speech_and_not_of_pictures_whose_distances_say_nothing(front: FrontEnd) -> None:
    frames = front.normalised(front.frames(noise(4000))[None], torch.tensor([25]))[0]
    found = front.acoustics(frames)
    if front.bins > 100:
        assert found.shape == (len(frames), 0)
        return
    assert found.shape == (25, 39) and found.mean(dim=0).abs().max() < 1e-4
    torch.testing.assert_close(found.pow(2).mean(dim=0), torch.ones(39), rtol=0, atol=1e-2)
    assert find_front(SpeechFrontConfig(bands=12)).acoustics(torch.zeros(3, 12)).shape == (3, 0)


@pytest.mark.parametrize("kind", ["gru", "lstm", "transformer"])
def test_an_item_alone_equals_the_item_in_a_padded_batch(kind: str) -> None:
    torch.manual_seed(0)
    config = settings(f"model.net.kind={kind}", "model.net.layers=2").model
    net = StringNet(config, 17).eval()
    frames, lengths = noise(3, 13, 17), torch.tensor([13, 6, 1])
    heard = net(frames, lengths)
    assert heard.frames.tolist() == [7, 3, 1] and heard.log_probabilities.shape == (3, 7, 11)
    for row, length, count, found in zip(frames, [13, 6, 1], [7, 3, 1], heard.vectors, strict=True):
        alone = net(row[None, :length], torch.tensor([length])).vectors[0]
        torch.testing.assert_close(found[:count], alone, rtol=0, atol=1e-5)


def test_a_causal_net_in_steps_is_the_net_at_once_and_hears_nothing_later() -> None:
    torch.manual_seed(0)
    net = StringNet(settings("model.net.causal=true").model, 17).eval()
    frames, lengths = noise(1, 12, 17), torch.tensor([12])
    whole, past, parts = net(frames, lengths).vectors, (None, None, None), []
    for part in frames.split(4, dim=1):
        heard, past = net.step(part, torch.tensor([4]), past)
        parts.append(heard.vectors)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-6)
    changed = frames.clone()
    changed[:, 8:] += 1
    assert torch.equal(net(changed, lengths).vectors[:, :4], whole[:, :4])


def test_a_long_recording_is_heard_in_blocks_whose_middles_agree() -> None:
    torch.manual_seed(0)
    config = settings().model
    tokenizer = Wav2Tok(StringNet(config, 17).eval(), config)
    frames = noise(2603, 17)
    found = tokenizer.hear(frames)
    assert found.vectors.shape[:2] == (1, 1302)
    first = tokenizer.hear(frames[:1000])
    assert torch.equal(found.codes[0, :399], first.codes[0, :399])
    torch.testing.assert_close(found.vectors.norm(dim=2), torch.ones(1, 1302))


@pytest.mark.parametrize(
    "overrides",
    [
        ("objective.contrast=0", "objective.alpha=0.1", "objective.beta=0.1", "objective.matching=1"),
        ("objective.matching=1", "objective.likeness=cosine"),
        ("model.codebook.kind=kmeans", "model.codebook.every=2", "model.codebook.share=0.5"),
        ("pairs.by=copy", "pairs.takes=2", "vary.all=false"),
        ("pairs.mode=triplet",),
        ("pairs.mode=single", "objective.alpha=1"),
        ("pairs.same_length=true", "pairs.clip=false", "pairs.subset=0.5"),
        ("model.net.kind=transformer",),
        ("model.net.kind=lstm", "model.net.causal=true"),
        ("model.net.stride=1", "vary.splice=0.8"),
    ],
    ids=" ".join,
)
def test_every_way_to_learn_changes_the_net(manifest: Manifest, overrides: tuple[str, ...]) -> None:
    recipe = Wav2TokRecipe(settings(*overrides), manifest)
    before = {name: value.clone() for name, value in recipe.learner.model.state_dict().items()}
    for step in range(3):
        torch.manual_seed(step)
        found = recipe.step(recipe.batch(step), step)
        assert all(value == value for value in found.values())
    after = recipe.learner.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("net.layers"))
    assert 0 < recipe.evaluate()["codes_used"] <= 1


@pytest.mark.parametrize("front", ["mfcc", "stft"])
def test_other_front_ends_learn_as_well(manifest: Manifest, front: str) -> None:
    recipe = Wav2TokRecipe(settings(front=front), manifest)
    assert recipe.step(recipe.batch(0), 0)["contrast"] > 0
    assert recipe.tokenizer().hop == 2 * recipe.clips_of.front.hop


@pytest.mark.parametrize(
    "override",
    [
        "pairs.classes=1",
        "pairs.takes=2",
        "pairs.seconds=0.2",
        "pairs.clip=false",
        "pairs.same_length=true",
        "pairs.mode=triplet",
        "pairs.by=copy",
        "vary.warp=0",
        "vary.tempo=0",
        "vary.colour_db=0",
        "vary.noise=0",
        "vary.band_mask=0",
        "vary.frame_mask=0",
        "vary.edges=0",
        "vary.splice=1",
        "vary.all=false",
        "train.seed=1",
    ],
)
def test_every_setting_of_what_a_step_is_shown_has_an_effect(manifest: Manifest, override: str) -> None:
    usual = Wav2TokRecipe(settings(), manifest).batch(0)
    other = Wav2TokRecipe(settings(override), manifest).batch(0)
    assert other.frames.shape != usual.frames.shape or not torch.equal(other.frames, usual.frames)


def test_a_step_shows_the_same_whenever_it_is_asked_for(manifest: Manifest) -> None:
    first, second = (Wav2TokRecipe(settings("vary.splice=0.5"), manifest) for _ in range(2))
    second.batch(7)
    assert torch.equal(first.batch(3).frames, second.batch(3).frames)


def test_weights_that_find_best_are_kept_and_patience_ends_the_run(manifest: Manifest) -> None:
    recipe = Wav2TokRecipe(settings("train.patience=2"), manifest)
    recipe._remember(0.5)  # pyright: ignore[reportPrivateUsage]
    best = recipe.weights().tensors
    recipe.step(recipe.batch(0), 0)
    for score, ended in ((0.4, False), (0.5, True)):
        recipe._remember(score)  # pyright: ignore[reportPrivateUsage]
        assert recipe.ended == ended
    assert all(torch.equal(value, best[name]) for name, value in recipe.weights().tensors.items())
    again = Wav2TokRecipe(settings("train.patience=2"), manifest)
    again.load_state_dict(recipe.state_dict())
    assert again.ended
    recipe._remember(0.6)  # pyright: ignore[reportPrivateUsage]
    assert not recipe.ended
    assert any(not torch.equal(value, best[name]) for name, value in recipe.weights().tensors.items())


def test_a_spliced_word_begins_as_its_own_and_ends_as_the_other_of_the_same_speaker() -> None:
    frames = torch.arange(4.0)[:, None, None].expand(4, 10, 1)
    drawn = Drawn([0, 1, 2, 3], [5, 5, 8, 8], [0] * 4, [False] * 4)
    rows = Varied(frames, torch.tensor([10] * 4), drawn)
    for seed in range(20):
        found = spliced(rows, 1.0, ["a", "b", "b", "a"], torch.Generator().manual_seed(seed))
        if found.drawn.kinds == [-6, -6, -9, -9]:
            assert [row[0, 0].item() for row in found.frames] == [0, 1, 2, 3]
            assert [row[9, 0].item() for row in found.frames] == [3, 2, 1, 0]
            return
    raise AssertionError("no draw spliced both")


def test_rows_that_are_no_copies_may_stay_as_they_are(front: FrontEnd) -> None:
    frames = noise(2, 9, front.bins)
    rows = Varied(frames, torch.tensor([9, 9]), Drawn([0, 0], [0, 0], [0, 0], [False, True]))
    generator = torch.Generator().manual_seed(3)
    found = vary(rows, VaryConfig(all=False), front, same_length=False, generator=generator)
    assert torch.equal(found.frames[0, :9], frames[0]) and found.lengths[0] == 9
    assert found.lengths[1] != 9 or not torch.equal(found.frames[1, :9], frames[1])


def test_a_causal_transformer_is_refused() -> None:
    with pytest.raises(ConfigError, match="choose one of them"):
        settings("model.net.kind=transformer", "model.net.causal=true")
