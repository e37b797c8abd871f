"""How much is found of a labelled corpus, and how much is taken for a secret that is none."""

from __future__ import annotations

import json
import random
from collections import Counter

from memguard.state.redact import redact_bytes
from tests.secret_corpus import LOOK_ALIKES, PLACES, SECRETS, corpus, is_gone, is_kept


def test_of_any_seed_nearly_all_is_found_and_nothing_else(each_set: str) -> None:
    seed = random.randrange(2**32)
    print("seed", seed, each_set)  # noqa: T201  shown where the test fails
    missed: Counter[tuple[str, str]] = Counter()
    torn: Counter[str] = Counter()
    samples = list(corpus(seed, per_place=1))
    for sample in samples:
        out = redact_bytes(sample.line)
        json.loads(out)
        missed[sample.kind, sample.place] += sample.is_secret and not is_gone(sample, out)
        torn[sample.kind] += not sample.is_secret and not is_kept(sample, out)
    assert missed.total() <= 0.02 * len(SECRETS) * len(PLACES), +missed
    assert torn.total() <= 0.01 * len(LOOK_ALIKES) * len(PLACES), +torn


def test_there_are_enough_kinds() -> None:
    assert len({secret.kind for secret in SECRETS}) >= 30
    assert len({secret.kind for secret in LOOK_ALIKES}) >= 15


def test_a_corpus_is_the_same_for_the_same_seed() -> None:
    assert list(corpus(3, per_place=1)) == list(corpus(3, per_place=1))
