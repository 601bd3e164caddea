"""Generated film reviews, which replace the IMDB dataset on machines without a network.

Reviews are generated in three steps, each for all reviews of a split at once, which makes the generation fast:

1. Verdicts: half of the reviews are positive, half negative. One label in ten is wrong on purpose, so the best possible
   accuracy is 0.90.
2. Plan: the kinds of sentences of a review, their order, and the side that each sentence takes. A positive review may
   concede faults and may begin negatively, but its last opinion is the verdict.
3. Words: each planned sentence is a template of `synthetic_words.py`, whose slots are filled from its lists.

Templates have slots in braces: `{part}` is a word of the list "part", `{Part}` the same word with capitals (a slot at
the start of a sentence always has one), `{a part}` puts "a" or "an" before the word, `{?very}` is left out half of the
time, `{+adj}` agrees with the side of the sentence, `{-adj}` contradicts it, `{hero}` stays the same throughout a
review.

The result is the same on every platform: all choices are integers from `np.random.RandomState`, whose stream is frozen.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora import synthetic_words as words
from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.corpus import Corpus, LabelledTexts, encode_texts, fingerprint_of_texts
from imdb_rnn.files import sha256_of_files
from imdb_rnn.text.tokens import Vocabulary

Integers = npt.NDArray[np.int64]
_Cast = dict[str, list[str]]  # names and pronouns, one per review

# Frequencies: one in so many …
WRONG = 10  # labels is wrong
LUKEWARM = 16  # reviews is lukewarm
TURNING = 12  # long reviews changes its opinion midway
CONTRARY = 24  # opinions in a long review takes the other side
TRAILING = 8  # long reviews ends with a neutral remark
PARAGRAPH = 16  # gaps between sentences is a paragraph break


def load(vocabulary: Vocabulary | None = None) -> Corpus:
    """Load the default reviews: 25,000 for training and 25,000 for the evaluation.

    Args:
        vocabulary: the words to encode with; None ranks the words of the training texts.
    """
    # The texts depend only on these source files.
    key = sha256_of_files(Path(__file__), Path(words.__file__))

    def make() -> Corpus:
        train, test = make_texts()
        return encode_texts("synthetic", fingerprint_of_texts(train, test), train, test, vocabulary)

    return cached("synthetic", f"synthetic {key}", vocabulary, make)


def make_texts(
    train_count: int = 25_000, test_count: int = 25_000, seed: int = 2011
) -> tuple[LabelledTexts, LabelledTexts]:
    """Generate the reviews of both splits.

    Args:
        train_count: the number of training reviews, at least 1.
        test_count: the number of test reviews, at least 1.
        seed: in [0, 2**32); the same seed gives the same reviews on every platform.

    Returns:
        (train, test): texts and labels; int8 labels of shape (train_count,) and (test_count,).

    Raises:
        ValueError: a count is below 1, or NumPy rejects the seed.
    """
    for name, count in (("train_count", train_count), ("test_count", test_count)):
        if count < 1:
            msg = f"Bad `{name}`. Expected: an int >= 1. Received: {count!r}."
            raise ValueError(msg)
    random = np.random.RandomState(seed)
    return _make_split(train_count, random), _make_split(test_count, random)


def make_reviews(count: int, seed: int) -> LabelledTexts:
    """Generate any number of reviews, at least 1; see `make_texts`."""
    return _make_split(count, np.random.RandomState(seed))


def draw_verdicts(count: int, random: np.random.RandomState) -> tuple[Integers, npt.NDArray[np.int8]]:
    """Draw the verdict and the label of each review.

    Returns:
        verdicts: int64, shape (count,): 1 is positive, 0 is negative; half of each.
        labels: int8, shape (count,): the verdicts, but wrong for one in `WRONG` of each side.
    """
    ranks = np.argsort(_draw(count, random), kind="stable").astype(np.int64)
    verdicts = ranks % 2
    wrong = ranks // 2 % WRONG == 0
    return verdicts, np.where(wrong, 1 - verdicts, verdicts).astype(np.int8)


def _make_split(count: int, random: np.random.RandomState) -> LabelledTexts:
    verdicts, labels = draw_verdicts(count, random)
    lengths = _pick(words.LENGTHS, count, random)
    review = np.repeat(np.arange(count), lengths)  # the review of each sentence
    sentences = _write_sentences(_plan_sentences(verdicts, lengths, review, random), review, random)
    gaps = np.where(_one_in(PARAGRAPH, len(sentences), random), "<br /><br />", " ").tolist()
    pieces = [piece for pair in zip(sentences, gaps, strict=True) for piece in pair]
    ends = (2 * np.cumsum(lengths)).tolist()
    # The gap after the last sentence of a review is left out.
    texts = ["".join(pieces[start : end - 1]) for start, end in zip([0, *ends], ends, strict=False)]
    return LabelledTexts(texts, labels)


def _plan_sentences(verdicts: Integers, lengths: Integers, review: Integers, random: np.random.RandomState) -> Integers:
    """Choose the template of each sentence: int64, the shape of `review`, indices into `_Grammar.templates`."""
    count, total, kinds = len(lengths), len(review), list(words.MIX)
    first_half, second_half, short, last, of_lukewarm = (
        list(enumerate(column)) for column in zip(*words.MIX.values(), strict=True)
    )
    place = np.arange(total) - (np.cumsum(lengths) - lengths)[review]
    length, verdict, is_long = lengths[review], verdicts[review], (lengths > words.SHORT)[review]
    to_come = length - 1 - place
    # The kind by position in the review. Each line overrides those above it.
    kind = np.where(2 * place < length, _pick(first_half, total, random), _pick(second_half, total, random))
    kind = np.where(is_long, kind, _pick(short, total, random))
    kind = np.where((place == 0) & is_long & _one_in(2, total, random), kinds.index("opening"), kind)
    kind = np.where(to_come == 0, _pick(last, total, random), kind)
    lukewarm = _one_in(LUKEWARM, count, random)[review] & (kind < kinds.index("opening"))
    kind = np.where(lukewarm, _pick(of_lukewarm, total, random), kind)

    turning = _one_in(TURNING, count, random)[review] & is_long
    turning_place = (1 + _draw(count, random) % np.maximum(lengths - 2, 1))[review]
    kind = np.where(turning & (place == turning_place), kinds.index("turn"), kind)
    contrary = np.where(turning, place < turning_place, is_long & (to_come > 2) & _one_in(CONTRARY, total, random))
    # Advice never contradicts the verdict.
    kind = np.where(contrary & (kind == kinds.index("advice")), kinds.index("plain"), kind)
    trailing = _one_in(TRAILING, count, random)[review] & is_long & ~turning
    kind = np.where(trailing & (to_come == 1), kinds.index("verdict"), kind)
    kind = np.where(trailing & (to_come == 0), kinds.index("remark"), kind)
    side = np.where(contrary, 1 - verdict, verdict)
    # With a prime step, a template repeats in a review only after all others of its kind.
    steps = _pick([(prime, 1) for prime in (211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269)], count, random)
    turn = _draw(count, random)[review] + steps[review] * place
    return _grammar().firsts[side, kind] + turn % _grammar().counts[side, kind]


def _write_sentences(plan: Integers, review: Integers, random: np.random.RandomState) -> list[str]:
    """Fill the templates, all sentences of one template at a time."""
    templates, cast = _grammar().templates, _draw_cast(int(review[-1]) + 1, random)
    sentences = np.empty(len(plan), dtype=object)
    by_template = np.argsort(plan, kind="stable")
    bounds = np.searchsorted(plan[by_template], np.arange(len(templates) + 1))
    for template, first, end in zip(templates, bounds[:-1], bounds[1:], strict=True):
        places = by_template[first:end]
        sentences[places] = _fill(template, review[places].tolist(), cast, random)
    return list(sentences)


def _draw_cast(count: int, random: np.random.RandomState) -> _Cast:
    """Draw what stays the same throughout a review: the title, the film makers and the characters."""
    hero_is_woman = _one_in(2, count, random).tolist()

    def names(pattern: str) -> list[str]:
        return _fill(_compile(pattern, side=1), range(count), {}, random)

    def by_hero(if_woman: Sequence[str], if_man: Sequence[str]) -> list[str]:
        return [(man, woman)[is_woman] for woman, man, is_woman in zip(if_woman, if_man, hero_is_woman, strict=True)]

    women, men, actresses, actors = map(names, ("{woman}", "{man}", "{woman} {surname}", "{man} {surname}"))
    cast = {"hero": by_hero(women, men), "second": by_hero(men, women)}
    cast |= {"actor": by_hero(actresses, actors), "director": by_hero(actors, actresses)}
    for he, she in (("he", "she"), ("his", "her"), ("him", "her"), ("He", "She"), ("His", "Her")):
        cast[he] = by_hero([she] * count, [he] * count)
    titles = [names(pattern) for pattern in words.TITLES]
    cast["title"] = [titles[i][review] for review, i in enumerate((_draw(count, random) % len(titles)).tolist())]
    return cast


class _Slot(NamedTuple):
    name: str  # slots with the same name in one sentence get different words
    entries: tuple[str, ...]  # the words to print; empty if `name` is a cast member
    ranks: Integers  # indices into `entries`, each repeated by its weight


class _Template(NamedTuple):
    text: str  # with %s for each slot
    slots: tuple[_Slot, ...]


class _Grammar(NamedTuple):
    templates: tuple[_Template, ...]  # sorted by side and kind
    firsts: Integers  # shape (2, kinds): the index of the first template of a side and kind
    counts: Integers  # shape (2, kinds): the number of templates of a side and kind


@cache  # on first use, not at import, because it takes a tenth of a second
def _grammar() -> _Grammar:
    groups = [
        [_compile(text, side) for source in (words.BOTH, one_sided, words.NEUTRAL) for text in source.get(kind, ())]
        for side, one_sided in enumerate((words.BLAME, words.PRAISE))
        for kind in words.MIX
    ]
    counts = np.array([len(group) for group in groups], np.int64).reshape(2, len(words.MIX))
    firsts = np.cumsum(counts).reshape(counts.shape) - counts
    return _Grammar(tuple(template for group in groups for template in group), firsts, counts)


# The beginnings of words that take "an".
_VOWELS = (*"aeio", "un", "ug", "ur", "up", "um", "honest", "hour")
_SLOT = re.compile(r"\{(?P<prefix>a |\?)?(?P<sign>[+-]?)(?P<name>\w+)\}")


def _compile(template: str, side: int) -> _Template:
    """Compile a template for one side: 1 is positive, 0 is negative."""
    text = _SLOT.sub("%s", template)
    slots = tuple(_compile_slot(match, side) for match in _SLOT.finditer(template))
    return _Template(text[0].upper() + text[1:], slots)


def _compile_slot(match: re.Match[str], side: int) -> _Slot:
    prefix, sign, name = match.group("prefix", "sign", "name")
    before = match.string[: match.start()]
    starts_sentence = before == "" or before.endswith((". ", "! ", "? "))
    lists = {"+": (words.BAD, words.GOOD)[side], "-": (words.GOOD, words.BAD)[side], "": words.WORDS}[sign]
    if name.lower() not in lists:  # a cast member; names have their capitals, pronouns get them here
        name = name.capitalize() if starts_sentence and name in ("he", "his") else name
        return _Slot(name, (), np.zeros(0, np.int64))
    entries = lists[name.lower()]
    ranks = np.arange(len(entries))
    # The weight is about 1 / rank, as in natural languages (Zipf's law).
    ranks = np.repeat(ranks, 4 * len(entries) // (ranks + 1))
    if name != name.lower():
        entries = tuple(entry.title() for entry in entries)
    if prefix == "a ":
        entries = tuple(f"{'an' if entry.lower().startswith(_VOWELS) else 'a'} {entry}" for entry in entries)
    if starts_sentence:
        entries = tuple(entry[0].upper() + entry[1:] for entry in entries)
    if prefix == "?":
        ranks = np.concatenate([ranks, np.full(len(ranks), len(entries))])
        entries = (*(f"{entry} " for entry in entries), "")
    return _Slot(sign + name.lower(), entries, ranks)


def _fill(template: _Template, reviews: Sequence[int], cast: _Cast, random: np.random.RandomState) -> list[str]:
    """Fill in a template once per review."""
    columns: list[Iterable[str]] = []
    used: dict[str, Integers] = {}
    for slot in template.slots:
        if slot.entries:
            ranks = slot.ranks[_draw(len(reviews), random) % len(slot.ranks)]
            ranks = (ranks + (ranks == used.get(slot.name, -1))) % len(slot.entries)
            used[slot.name] = ranks
            columns.append(map(slot.entries.__getitem__, ranks.tolist()))
        else:
            columns.append(map(cast[slot.name].__getitem__, reviews))
    return list(map(template.text.__mod__, zip(*columns, strict=True))) if columns else [template.text] * len(reviews)


def _draw(count: int, random: np.random.RandomState) -> Integers:
    """Draw 32-bit integers: int64, shape (count,), in [0, 2**32)."""
    # The default dtype, and with it the stream, differs between platforms.
    return random.randint(0, 2**32, count, dtype=np.uint32).astype(np.int64)


def _one_in(many: int, count: int, random: np.random.RandomState) -> npt.NDArray[np.bool_]:
    return np.equal(_draw(count, random) % many, 0)


def _pick(weighted: Iterable[tuple[int, int]], count: int, random: np.random.RandomState) -> Integers:
    """Draw `count` values in proportion to their weights."""
    table = np.array([value for value, weight in weighted for _ in range(weight)], np.int64)
    return table[_draw(count, random) % len(table)]
