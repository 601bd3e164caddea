"""Normalizes words as people type them to the form that they have in the training texts.

IMDB's reviews were typed before emoji and typographic apostrophes were common. A model knows "great", not "great👍".
Therefore texts are split by the Unicode categories of their characters, and words are normalized as by Unicode's
NFKC_Casefold: case, ligatures, full-width letters, invisible characters and combining accents make no difference.
"""

import re
import unicodedata

# Characters that are typed as an apostrophe. The ASCII backtick counts as one only between two letters.
APOSTROPHES = "'´ʹʻʼʽˈˊˋ՚’‘‛′‵❛❜ꞌ＇｀"
_BACKTICK = re.compile(r"(?<=[^\W_])`(?=[^\W_])")
# Windows-1252 text that was decoded as Latin-1 has these control characters instead of quotation marks and dashes.
WINDOWS_1252 = {i: bytes([i]).decode("cp1252") for i in range(0x80, 0xA0) if i not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
# Besides format characters (category Cf): variation selectors, the combining grapheme joiner, Hangul fillers.
_INVISIBLE = "\u034f\u115f\u1160\u180b\u180c\u180d\u180e\u180f\u3164\uffa0" + "".join(
    map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
)
_APOSTROPHE_OR_INVISIBLE = re.compile(f"[{APOSTROPHES}{_INVISIBLE}]")
# Placeholders of lost characters.
_LOST = "\ufffc\ufffd"

# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = "[\u0e01-\u0e30\u0e81-\u0eb0\u1000-\u102a\u1780-\u17b3\u3041-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
_UNSPACED_LETTER = re.compile(_UNSPACED)
_SPACE_BETWEEN = re.compile(rf"(?<={_UNSPACED})[\u0e30-\u0eff\u1000-\u109f\u17b4-\u17d3]*\s+(?={_UNSPACED})")
# Words of these scripts have one to five letters.
_LETTERS_PER_SPACE = 10


def straighten_backticks(text: str) -> str:
    """Replace the backtick in words such as "didn`t" with an apostrophe; positions of characters do not change."""
    return _BACKTICK.sub("'", text) if "`" in text else text


def normalized_words(text: str) -> list[tuple[str, int, int]]:
    """Split a text at punctuation and spaces of all kinds, and normalize its words.

    Args:
        text: a text in any language.

    Returns:
        (word, start, end) for each word; `end` is exclusive. Apostrophes are parts of words, also at their ends. A
        symbol, such as an emoji, is a separate word.

    Source: the Unicode Standard, categories (section 4.5) and NFKC_Casefold (section 3.13).
    """
    if text.isalpha() and not _APOSTROPHE_OR_INVISIBLE.search(text):  # the most common case
        return _normalized(text, 0, len(text))
    words: list[tuple[str, int, int]] = []
    letters, begin, end = "", 0, 0
    for position, character in enumerate(text.translate(WINDOWS_1252)):
        kind = kind_of(character)
        if kind == "invisible":
            continue
        if kind == "part":
            begin = begin if letters else position
            letters += "'" if character in APOSTROPHES else character
            end = position + 1
            continue
        words += _normalized(letters, begin, end)
        letters = ""
        if kind == "symbol":
            words.append((character, position, position + 1))
    return words + _normalized(letters, begin, end)


def has_words(text: str) -> bool:
    """Return whether a text contains a letter, a digit or a symbol."""
    return any(map(str.isalnum, text)) or any(kind_of(character) == "symbol" for character in text)


def lacks_spaces(texts: list[str]) -> bool:
    """Return whether most letters are of a script without spaces between words, and the words are not separated."""
    together = "\n|\n".join(texts)
    letters = len(_UNSPACED_LETTER.findall(together))
    if 2 * letters < sum(map(str.isalpha, together)):
        return False
    return 0 < letters > _LETTERS_PER_SPACE * len(_SPACE_BETWEEN.findall(together))


def kind_of(character: str) -> str:
    """Classify a character as "part" of a word, "symbol", "invisible" or "separator"."""
    if character in APOSTROPHES:
        return "part"
    category = unicodedata.category(character)
    if category == "Cf" or character in _INVISIBLE:
        return "invisible"
    # Unassigned and private-use characters are emoji of a later Unicode version, or of a company.
    if category in ("So", "Cn", "Co") and character not in _LOST:
        return "symbol"
    return "part" if category[0] in "LMN" else "separator"


def _normalized(letters: str, begin: int, end: int) -> list[tuple[str, int, int]]:
    """Return the normalized word in a list; [] if it is empty."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", letters).casefold())
    if not folded.isalpha() and any(kind_of(character) != "part" for character in folded):
        # "8½" would become "81", a fraction slash and "2".
        folded = unicodedata.normalize("NFC", letters.casefold())
    return [(folded, begin, end)] if folded else []
