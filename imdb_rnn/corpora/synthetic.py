"""Film reviews that the package makes itself: a stand-in for the IMDB data set on machines without network.

A review is made in three steps, each for all reviews of a split at once, which is what makes it fast:

1. verdicts: half are praise, half are blame; one label in ten is wrong on purpose: a perfect reader scores 0.90.
2. plan: which kinds of sentence a review has, in which order, and for which side each of them speaks. Praise may
   concede faults and may begin as blame, but its last opinion is the verdict.
3. words: every planned sentence is a template of `synthetic_words.py` whose slots are filled from its lists.

Templates hold slots in braces: `{part}` is a word of the list "part", `{Part}` the same with capitals (which come
unasked at the start of a sentence), `{a part}` puts "a" or "an" before it, `{?very}` is there every second time,
`{+adj}` agrees with the side of the sentence, `{-adj}` contradicts it, `{hero}` stays the same throughout a review.

The same bytes on every platform: all choices are integers of `np.random.RandomState`, whose stream is frozen.
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
_Cast = dict[str, list[str]]  # names and pronouns, one a review

# One in so many ...
WRONG = 10  # labels
LUKEWARM = 16  # reviews
TURNING = 12  # long reviews changes its mind on the way
CONTRARY = 24  # opinions of a long review speaks for the other side
TRAILING = 8  # long reviews ends on a neutral remark
PARAGRAPH = 16  # gaps between sentences is a paragraph break


def load(vocabulary: Vocabulary | None = None) -> Corpus:
    """Read the default reviews: 25,000 to learn from and 25,000 to evaluate.

    Args:
        vocabulary: the words to encode with; None ranks the words of the training texts.
    """
    # The texts follow from the sources alone.
    key = sha256_of_files(Path(__file__), Path(words.__file__))

    def make() -> Corpus:
        train, test = make_texts()
        return encode_texts("synthetic", fingerprint_of_texts(train, test), train, test, vocabulary)

    return cached("synthetic", f"synthetic {key}", vocabulary, make)


def make_texts(
    train_count: int = 25_000, test_count: int = 25_000, seed: int = 2011
) -> tuple[LabelledTexts, LabelledTexts]:
    """Make the reviews of both splits.

    Args:
        train_count, test_count: reviews in each split, at least 1.
        seed: the same seed gives the same bytes everywhere; in [0, 2**32).

    Returns:
        (train, test): texts and labels, int8, shape (train_count,) and (test_count,).

    Raises:
        ValueError: a count is below 1, or NumPy refuses the seed.
    """
    for name, count in (("train_count", train_count), ("test_count", test_count)):
        if count < 1:
            msg = f"Bad `{name}`. Expected: an int >= 1. Received: {count!r}."
            raise ValueError(msg)
    random = np.random.RandomState(seed)
    return _make_split(train_count, random), _make_split(test_count, random)


def draw_verdicts(count: int, random: np.random.RandomState) -> tuple[Integers, npt.NDArray[np.int8]]:
    """Decide what each review says and what its label claims.

    Returns:
        verdicts: int64, shape (count,): 1 for praise, 0 for blame; half of each.
        labels: int8, shape (count,): the verdicts, but wrong for one in `WRONG` of either side.
    """
    ranks = np.argsort(_draw(count, random), kind="stable").astype(np.int64)
    verdicts = ranks % 2
    wrong = ranks // 2 % WRONG == 0
    return verdicts, np.where(wrong, 1 - verdicts, verdicts).astype(np.int8)


def _make_split(count: int, random: np.random.RandomState) -> LabelledTexts:
    verdicts, labels = draw_verdicts(count, random)
    lengths = _pick(words.LENGTHS, count, random)
    review = np.repeat(np.arange(count), lengths)  # of each sentence, all reviews one after the other
    sentences = _write_sentences(_plan_sentences(verdicts, lengths, review, random), review, random)
    gaps = np.where(_one_in(PARAGRAPH, len(sentences), random), "<br /><br />", " ").tolist()
    pieces = [piece for pair in zip(sentences, gaps, strict=True) for piece in pair]
    ends = (2 * np.cumsum(lengths)).tolist()
    # The gap after the last sentence of a review is left out.
    texts = ["".join(pieces[start : end - 1]) for start, end in zip([0, *ends], ends, strict=False)]
    return LabelledTexts(texts, labels)


def _plan_sentences(verdicts: Integers, lengths: Integers, review: Integers, random: np.random.RandomState) -> Integers:
    """Choose the template of every sentence: int64, the shape of `review`, indices of `_Grammar.templates`."""
    count, total, kinds = len(lengths), len(review), list(words.MIX)
    first_half, second_half, short, last, of_lukewarm = (
        list(enumerate(column)) for column in zip(*words.MIX.values(), strict=True)
    )
    place = np.arange(total) - (np.cumsum(lengths) - lengths)[review]
    length, verdict, is_long = lengths[review], verdicts[review], (lengths > words.SHORT)[review]
    to_come = length - 1 - place
    # The kinds by place in the review: each line overrules those above it.
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
    # Nobody advises against their own verdict.
    kind = np.where(contrary & (kind == kinds.index("advice")), kinds.index("plain"), kind)
    trailing = _one_in(TRAILING, count, random)[review] & is_long & ~turning
    kind = np.where(trailing & (to_come == 1), kinds.index("verdict"), kind)
    kind = np.where(trailing & (to_come == 0), kinds.index("remark"), kind)
    side = np.where(contrary, 1 - verdict, verdict)
    # Steps of a prime: a review comes back to a template only after it has been through the others of its kind.
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
    """Name what stays the same throughout a review: its film, the people who made it and those in the story."""
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
    name: str  # slots of one name in one sentence get different words
    entries: tuple[str, ...]  # the words, ready to print; empty where `name` is that of a cast member
    ranks: Integers  # places in `entries`, each as often as its weight


class _Template(NamedTuple):
    text: str  # with %s for each slot
    slots: tuple[_Slot, ...]


class _Grammar(NamedTuple):
    templates: tuple[_Template, ...]  # those of one side and one kind next to each other
    firsts: Integers  # shape (2, kinds): where those of a side and a kind begin
    counts: Integers  # shape (2, kinds): how many there are


@cache  # on first use, not at import: it takes a tenth of a second
def _grammar() -> _Grammar:
    groups = [
        [_compile(text, side) for source in (words.BOTH, one_sided, words.NEUTRAL) for text in source.get(kind, ())]
        for side, one_sided in enumerate((words.BLAME, words.PRAISE))
        for kind in words.MIX
    ]
    counts = np.array([len(group) for group in groups], np.int64).reshape(2, len(words.MIX))
    firsts = np.cumsum(counts).reshape(counts.shape) - counts
    return _Grammar(tuple(template for group in groups for template in group), firsts, counts)


# How the words begin that take "an".
_VOWELS = (*"aeio", "un", "ug", "ur", "up", "um", "honest", "hour")
_SLOT = re.compile(r"\{(?P<prefix>a |\?)?(?P<sign>[+-]?)(?P<name>\w+)\}")


def _compile(template: str, side: int) -> _Template:
    """Read a template as the speech of one side: 1 praises, 0 blames."""
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
    # A weight of about 1 / rank, as the words of a language fall off.
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
    """Write the sentence of a template once for each of the reviews."""
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
    """Raw 32-bit draws: int64, shape (count,), in [0, 2**32)."""
    # The dtype is named because the default one differs between platforms, and with it the stream.
    return random.randint(0, 2**32, count, dtype=np.uint32).astype(np.int64)


def _one_in(many: int, count: int, random: np.random.RandomState) -> npt.NDArray[np.bool_]:
    return np.equal(_draw(count, random) % many, 0)


def _pick(weighted: Iterable[tuple[int, int]], count: int, random: np.random.RandomState) -> Integers:
    """Draw `count` of the values, each as often as its weight."""
    table = np.array([value for value, weight in weighted for _ in range(weight)], np.int64)
    return table[_draw(count, random) % len(table)]
