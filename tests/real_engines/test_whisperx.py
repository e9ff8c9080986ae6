"""WhisperX where it differs from the others: sentences with times, from a decoder that was told of none."""

from __future__ import annotations

from pathlib import Path

import pytest
from promises import Bench, ask, recordings, set_up

from yamabiko.engines import catalog
from yamabiko.engines.adapters import whisperx
from yamabiko.engines.adapters.whisperx import CARD
from yamabiko.speech import TranscribeOptions, Word


@pytest.fixture(scope="session")
def bench(ready_home: Path, run_folder: Path) -> Bench:
    return set_up(catalog.card(CARD.name), ready_home, run_folder)


def test_a_segment_is_a_sentence_and_words_are_told_where_they_are_wanted(bench: Bench, tmp_path: Path) -> None:
    spoken = recordings(tmp_path)
    with bench.worker() as worker:
        worker.load(str(bench.model), 2)
        said = {
            (language, words): ask(
                worker, one.path, [one.whole], TranscribeOptions(language, beam_size=1, word_timestamps=words)
            ).segments[0]
            for language, one in spoken.items()
            for words in (True, False)
        }
    for language, end in (("ja", "。"), ("en", ".")):
        segments = said[language, True]
        assert len(segments) == 2, "the clips hold two sentences each"
        assert all(segment.text.endswith(end) for segment in segments)
        assert segments[0].end_s < segments[1].start_s, "with a pause between"
        assert ["".join(word.text for word in segment.words) for segment in segments] == [s.text for s in segments]
        without = said[language, False]
        assert [(s.start_s, s.end_s, s.text) for s in without] == [(s.start_s, s.end_s, s.text) for s in segments]
        assert not any(segment.words for segment in without)


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (["はい。", "そう", "です。"], ["はい。", "そうです。"]),
        (["「はい。」", "と", "言う"], ["「はい。」", "と言う"]),
        ([" Mr.", " Smith", " came.", " He", " sat."], [" Mr. Smith came.", " He sat."]),
        ([" It", " is", " 3.14.", " Or", " so"], [" It is 3.14.", " Or so"]),
        ([" the", " U.", " S.", " Army"], [" the U. S. Army"]),
        ([" etc.", " and", " so"], [" etc. and so"]),
        ([" Well?", " yes!"], [" Well?", " yes!"]),
        ([], []),
    ],
)
def test_where_a_sentence_ends(words: list[str], sentences: list[str]) -> None:
    said = [Word(float(at), at + 1.0, text) for at, text in enumerate(words)]
    assert ["".join(word.text for word in one) for one in whisperx._sentences(said)] == sentences


def test_words_stay_in_order_and_inside_the_chunk() -> None:
    found = whisperx._within([Word(0.5, 0.4, "a"), Word(0.3, 0.9, "b"), Word(1.2, 1.4, "c")], 1.0)
    assert [(word.start_s, word.end_s) for word in found] == [(0.5, 0.5), (0.5, 0.9), (1.0, 1.0)]
