"""`yamabiko transcribe FILES...`: recordings in, transcripts beside them."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import get_args

import typer

from yamabiko.cli import asked, configured, listening_options, options
from yamabiko.cli.batch import Batch
from yamabiko.engines import catalog
from yamabiko.i18n import Text

HELP = Text(
    "Transcribe recordings and videos; the transcript is written beside each file.",
    "音声や動画を文字起こしし、結果を各ファイルの隣に書き出します。",
)

DEFAULT_FORMATS = "txt,srt,json"


def command(
    context: typer.Context,
    files: options.Files,
    model: options.Model = None,
    trust_model: options.TrustModel = False,
    trust_pickle: options.TrustPickle = False,
    language: options.Language = "auto",
    task: options.Task = "transcribe",
    output_dir: options.OutputDir = None,
    output_format: options.OutputFormat = DEFAULT_FORMATS,
    print_: options.Print = False,
    overwrite: options.Overwrite = False,
    recursive: options.Recursive = False,
    device: options.Device = "auto",
    compute_type: options.ComputeType = "auto",
    fp16: options.Fp16 = None,
    require_gpu: options.RequireGpu = False,
    fallback: options.Fallback = True,
    threads: options.Threads = 0,
    batch_size: options.BatchSize = 1,
    engine: options.Engine = catalog.DEFAULT_ENGINE,
    install: options.Install = True,
    word_timestamps: listening_options.WordTimestamps = False,
    initial_prompt: listening_options.InitialPrompt = None,
    carry_initial_prompt: listening_options.CarryInitialPrompt = True,
    suppress_tokens: listening_options.SuppressTokens = "-1",
    hotwords: listening_options.Hotwords = None,
    beam_size: listening_options.BeamSize = 5,
    best_of: listening_options.BestOf = 5,
    patience: listening_options.Patience = 1.0,
    length_penalty: listening_options.LengthPenalty = 1.0,
    temperature: listening_options.Temperature = 0.0,
    temperature_increment: listening_options.TemperatureIncrement = 0.2,
    compression_ratio_threshold: listening_options.CompressionRatio = 2.4,
    logprob_threshold: listening_options.Logprob = -1.0,
    no_speech_threshold: listening_options.NoSpeech = 0.6,
    condition_on_previous_text: listening_options.ConditionOnPrevious = True,
    align: listening_options.Align = None,
    vad_filter: listening_options.VadFilter = True,
    vad_threshold: listening_options.VadThreshold = None,
    vad_min_silence_duration_ms: listening_options.VadMinSilence = None,
    vad_speech_pad_ms: listening_options.VadSpeechPad = None,
    guard: listening_options.Guard = True,
    diarize: listening_options.Diarize = False,
    speakers: listening_options.Speakers = None,
    min_speakers: listening_options.MinSpeakers = None,
    max_speakers: listening_options.MaxSpeakers = None,
    known_speaker: listening_options.KnownSpeaker = [],  # noqa: B006 - typer wants a list, and nobody changes it
    speaker_engine: listening_options.SpeakerEngine = None,
    speaker_model: listening_options.SpeakerModel = None,
    max_line_width: options.MaxLineWidth = 42,
    max_line_count: options.MaxLineCount = 2,
    max_words_per_line: options.MaxWordsPerLine = None,
    highlight_words: options.HighlightWords = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    typed = SimpleNamespace(**{k.rstrip("_"): v for k, v in locals().items() if k != "context"})
    raise typer.Exit(Batch(asked.settled(configured.for_transcribe(typed, context))).run())


def switches() -> frozenset[str]:
    """Options without a value, as `--word-timestamps`: Whisper gives them True or False."""
    found = set()
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind, *details = get_args(parameter.annotation) or (None,)
        if bool in (kind, *get_args(kind)):
            # typer keeps the first of the names where a default stands outside of Annotated
            names = [name for option in details for name in (option.default, *option.param_decls)]
            found |= {name.split("/")[0] for name in names if isinstance(name, str)}
    return frozenset(found)
