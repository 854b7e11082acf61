"""smalti evaluate: scores of a codec, its vectors, a vocoder or a language model on sounds it has not learnt from."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli import sampling as options
from smalti.cli.hearing import Bridge, VocoderRun, heard
from smalti.cli.output import SCORED, TRANSCODED, Json, epilog, finish, progress, results_only
from smalti.cli.views import Keys, rate

CODEC_KEYS = epilog(
    **TRANSCODED,
    **SCORED,
    multi_resolution_stft="distance of Yamamoto et al. 2020, mean over files",
    picture_l1_db="of a codec of mel pictures: distance in dB in its own mel, before a vocoder, mean over files",
    by_label="label: log_mel_l1_db",
    peers="name: log_mel_l1_db, bitrate",
)
GENERATION_KEYS = epilog(
    label_accuracy="share of generated clips whose label a classifier of real clips finds",
    parameter_correlation="label.name: spearman, ceiling, null, median_error, median_error_calibrated, bias, slope, …",
    bits_per_token="model (or bound), unigram, bigram_previous, bigram_row, bigram: the better, on held-out tokens",
    latents="of a model that has them: kl, target_kl, active_units, mutual_information, bits_per_token, "
    "bits_per_token_shuffled, bits_per_token_bound, bits_per_token_iw, …",
    copy_rate="share of generated spans that the training tokens hold",
    frechet="value, floor",
    continuation="kept, join_bits, interior_bits, join_ratio, copy_rate, clips; of real beginnings gone on with",
    trajectories="with --trajectories: label.name: ramp, step: correlation, spearman, ceiling, lag_seconds, …",
    left_out="score: why it is missing",
    morphs="with --trajectories: first → second: hole_db, peak, clipped, clipped_ends, holds, levels_db",
    clips="generated",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)
VOCODER_KEYS = epilog(
    files="heard",
    failed="path and reason of each that could not be",
    picture_l1_db="distance in dB in the vocoder's own picture, mean over files",
    log_mel_l1_db="distance in dB on the codec yardstick",
    multi_resolution_stft="distance of Yamamoto et al. 2020",
    real_time_factor="seconds of work per second of sound",
    parameter_count="numbers that the vocoder has learnt",
    audio_seconds="of sound",
    seconds="taken",
    per_file="path and distances",
    peers="griffin_lim: the same keys",
)
RETRIEVAL_KEYS = epilog(
    mrr="mean of 1 / rank of the first recording with the query's label",
    map="mean over queries of the precision at each such recording",
    p_at_1="share of queries whose first hit has their label",
    queries="that had something to find",
    ms_per_query="milliseconds of CPU to search, without hearing the query",
    us_per_pair="the same in microseconds, per recording of the index",
    speed_up="us_per_pair of mfcc_dtw for one of the search",
    recall_at="1, 5, 10: share of the first hits of a comparison with everything that the search finds",
    recordings="in the index",
    tokens_per_second="of sound, after runs are joined",
    excluded="the column of --exclude",
    peers="exhaustive, edit (no soft scores), kmeans_edit, mfcc_dtw, random: mrr, map, p_at_1, queries, ms_per_query, "
    "us_per_pair",
    failed="path and reason of each query that could not be heard",
    seconds="taken",
)
LATENT_KEYS = epilog(
    files="heard",
    failed="path and reason of each that could not be",
    dim="numbers of a vector",
    hop="samples of a frame",
    frames="vectors kept, of all recordings",
    group="column whose equal values are never on both sides of a split",
    columns="NAME: classes, chance, left_out; recordings and frames: vectors, majority, encoder, log_mel and "
    "clip_statistics: linear and forest: accuracy, precision; clusters: clusters, adjusted_rand, mutual_information, "
    "homogeneity, shuffled_…; figures are lists: mean, low and high end of a 95 % interval",
    maps="where the pictures lie",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)
PROBE_KEYS = epilog(
    linear_accuracy="share of test recordings that a linear reading names rightly; linear_map with --multi-label",
    knn_accuracy="the same of the vote of the 10 nearest; knn_map with --multi-label",
    confidence="linear, knn: ends of a 95 % interval over drawings of the test groups",
    knn_accuracy_by_neighbours="of 1, 10 and 20 neighbours",
    baselines="random (the same net with random weights) and log_mel: the same keys",
    layers="layer and the same keys, of --layers",
    files="heard",
    failed="path and reason of each that could not be",
    dim="numbers of a recording's vector",
    classes="to tell apart",
    protocol="way, rows and groups of each side, chosen strengths, seeds: all that decides the figures",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)
_MOVING = "Also ask for ramps and steps of each parameter, and for each label to become the next."
_NULL = "Of each label, not told its parameters: a chance correlation of 40 is uncertain by .16, of 160 by .08."
_TOKENS = "Of the same recordings: copies are looked for in all of it."
_SPLIT = "Rows to evaluate on, or all; by default the test rows if there are any, else all."
_BY = "Column that the vectors are asked for, label if none is named; may be given again for others."
_POOL = "Of the frames: mean+std, mean, max, mean+max; mean+std+movement hears order too."
_GROUP = "Where recordings come from: never learnt from and asked about. If left out, a column like source_id, or path."


def group() -> typer.Typer:
    """The sub-commands."""
    app = typer.Typer(no_args_is_help=True, help="Score a codec, its vectors, a vocoder, a language model or an index.")
    app.command("codec", epilog=CODEC_KEYS)(results_only(codec))
    app.command("vocoder", epilog=VOCODER_KEYS)(results_only(vocoder))
    app.command("retrieval", epilog=RETRIEVAL_KEYS)(results_only(retrieval))
    app.command("probe", epilog=PROBE_KEYS)(results_only(probe))
    app.command("latents", epilog=LATENT_KEYS)(results_only(latents))
    app.command("generation", epilog=GENERATION_KEYS)(results_only(generation))
    return app


def codec(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A codec's run folder or shipped name.")],
    data: Annotated[Path, typer.Option(metavar="MANIFEST", help="Recordings, as a table.")],
    keys: Keys = None,
    split: Annotated[str, typer.Option(help=_SPLIT)] = "",
    vocoder: VocoderRun = None,
    bridge: Bridge = "",
    json: Json = False,
) -> None:
    """Score a codec on the yardstick, beside Opus at 6 and 8 kbit/s where an encoder is at hand."""
    from smalti.systems.scores import score_codec

    with progress("evaluate") as tell:
        result = score_codec(heard(run, vocoder, bridge, rate(keys)), data, split=split, progress=tell)
    finish(result, json=json)


def vocoder(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A vocoder's run folder.")],
    data: Annotated[Path, typer.Option(metavar="MANIFEST", help="Recordings, as a table.")],
    split: Annotated[str, typer.Option(help=_SPLIT)] = "",
    json: Json = False,
) -> None:
    """Score a vocoder on pictures of recordings, beside Griffin-Lim on the same."""
    from smalti.systems.scores import score_vocoder

    with progress("evaluate") as tell:
        result = score_vocoder(run, data, split=split, progress=tell)
    finish(result, json=json)


def retrieval(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="What `smalti index` made.")],
    queries: Annotated[Path, typer.Option(metavar="MANIFEST", help="Labelled recordings, as a table.")],
    exclude: Annotated[
        str, typer.Option(metavar="COLUMN", help="Leave out what equals the query in this column, such as speaker.")
    ] = "",
    peers: Annotated[bool, typer.Option(help="Score time warping and k-means tokens beside.")] = True,
    json: Json = False,
) -> None:
    """Score an index's search on labelled queries; a query never finds itself."""
    from smalti.systems.retrieval import evaluate_index

    with progress("evaluate") as tell:
        report = evaluate_index(folder, queries, exclude=exclude, peers=peers, progress=tell)
    finish(report, json=json)


def latents(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run of a codec or encoder whose frames are vectors.")],
    data: Annotated[Path, typer.Option(metavar="MANIFEST", help="Recordings, as a table.")],
    keys: Keys = None,
    by: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help=_BY)] = None,
    group: Annotated[str | None, typer.Option(metavar="COLUMN", help=_GROUP)] = None,
    split: Annotated[str, typer.Option(help=_SPLIT)] = "",
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="For maps, as .png, and vectors.npz.")] = None,
    clusters: Annotated[str, typer.Option(metavar="HOW", help="kmeans, gmm, or gmm:LEAST:MOST by AIC.")] = "kmeans",
    vectors: Annotated[int, typer.Option(help="Frames asked about, and recordings, at most.", min=1)] = 4000,
    seeds: Annotated[int, typer.Option(help="Splits, and starts of the clustering.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Ask vectors for classes, by clusters and probes, beside plain log-mel levels; and draw them."""
    from smalti.evaluate import Clustering, LatentSettings
    from smalti.systems.hearing import Heard
    from smalti.systems.latent_scores import score_latents

    settings = LatentSettings(seeds=seeds, seed=seed, vectors=vectors, clustering=Clustering.parse(clusters))
    named = Heard(run, view=rate(keys))
    with progress("evaluate") as tell:
        result = score_latents(
            named, data, by=by or ["label"], group=group, split=split, to=to, settings=settings, progress=tell
        )
    finish(result, json=json)


def probe(
    run: Annotated[str, typer.Argument(metavar="RUN", help="An encoder: a run, log-mel, or a Hugging Face folder.")],
    keys: Keys = None,
    train: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Recordings to learn classes from.")] = None,
    test: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Recordings to be asked about.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Both in one: folds, splits or groups.")] = None,
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Of the classes.")] = "label",
    group: Annotated[str | None, typer.Option(metavar="COLUMN", help=_GROUP)] = None,
    pool: Annotated[str, typer.Option(help=_POOL)] = "mean+std",
    layers: Annotated[str, typer.Option(help="last, all, or numbers such as 1,6,12.")] = "last",
    multi_label: Annotated[
        bool, typer.Option(help="Classes of a recording are parted by ; or , in its label.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Validation parts that choose the strength.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.", min=0)] = 0,
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keeps vectors for the next time.")] = None,
    json: Json = False,
) -> None:
    """Ask an encoder for classes it was never told, beside random weights and log-mel statistics."""
    from smalti.evaluate.probing import ProbeSettings
    from smalti.systems.hearing import Heard
    from smalti.systems.layers import layers_of
    from smalti.systems.probing import ProbeChoices, evaluate_probe, pool_of

    choices = ProbeChoices(
        by=by,
        group=group,
        pool=pool_of(pool),
        layers=layers_of(layers),
        cache=cache,
        settings=ProbeSettings(several=multi_label, seeds=seeds, seed=seed),
    )
    named = Heard(run, view=rate(keys))
    with progress("evaluate") as tell:
        result = evaluate_probe(named, train=train, test=test, data=data, choices=choices, progress=tell)
    finish(result, json=json)


def generation(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A language model's run folder or shipped name.")],
    data: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Real sounds to hold it against.")] = None,
    seconds: Annotated[float, typer.Option(help="Length of each generated clip.")] = 4.0,
    clips: Annotated[int, typer.Option(help="Clips of each label, and values of each parameter.", min=2)] = 25,
    null_clips: Annotated[int, typer.Option(help=_NULL, min=0)] = 40,
    temperature: options.Temperature = 1.0,
    top_k: options.TopK = 0,
    top_p: options.TopP = 0.9,
    min_p: options.MinP = 0.0,
    guidance: options.Guidance = None,
    passes: options.Passes = 16,
    noise: options.Noise = 4.5,
    tokens: Annotated[Path | None, typer.Option(metavar="STORE", help=_TOKENS)] = None,
    trajectories: Annotated[bool, typer.Option("--trajectories", help=_MOVING)] = False,
    moving_seconds: Annotated[float, typer.Option(help="Length of each clip that moves.")] = 10.0,
    vocoder: VocoderRun = None,
    bridge: Bridge = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with players and pictures.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything drawn.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Score what a language model of tokens or mel frames generates: labels, parameters, tokens, originality."""
    from smalti.core import need
    from smalti.evaluate import MovementSettings
    from smalti.systems.generation_scores import Asking, score_generation

    if html is not None:
        need("matplotlib", extra="report", what="pages of scores")

    sampling = options.sampling(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        guidance=guidance,
        passes=passes,
        noise=noise,
    )
    moving = MovementSettings(seconds=moving_seconds, seed=seed) if trajectories else None
    asking = Asking(
        seconds=seconds,
        clips=clips,
        null_clips=null_clips,
        seed=seed,
        sampling=sampling,
        movements=moving,
        tokens=tokens,
    )
    with progress("evaluate") as tell:
        found = score_generation(heard(run, vocoder, bridge), data, asking=asking, progress=tell)
    if html is not None:
        from smalti.demo.scores_page import write_scores_page

        write_scores_page(html, found, name=run)
    finish(found.report.to_json(), json=json)
