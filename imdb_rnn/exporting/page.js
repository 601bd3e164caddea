/**
 * The page of an exported classifier: tokenizer, forward pass, explanation and interface, without a library.
 *
 * The tokenizer is that of `imdb_rnn.Vocabulary.encode_typed`. What a character is, and how it folds, stands in tables
 * that Python has written, because a browser may know another version of Unicode.
 *
 * Texts that a user typed reach the page only as text nodes.
 */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("model").textContent);

  // ---------------------------------------------------------------------------------------------------- the tokenizer

  const PADDING = 0;
  const START = 1;
  const OOV = 2;
  const INDEX_FROM = 3;
  // A character's class: its kind, as in `imdb_rnn.text.normalization`, and whether it is alphanumeric or a letter.
  const KIND = 3;
  const PART = 1;
  const SYMBOL = 2;
  const INVISIBLE = 3;
  const ALPHANUMERIC = 4;
  const LETTER = 8;
  const BACKTICK = "`".charCodeAt(0);

  /** @type {Map<string, number>} word -> id */
  const wordIndex = new Map(data.words.split("\n").map((word, rank) => [word, rank + 1 + INDEX_FROM]));
  wordIndex.delete(""); // an empty vocabulary
  const separators = new Uint8Array(128);
  for (const separator of data.tokens.separators) separators[separator.charCodeAt(0)] = 1;
  const apostrophes = new Set(data.tokens.apostrophes);
  const windows1252 = pairs(data.tokens.windows1252);
  const folds = pairs(data.tokens.folds);
  const classes = new Uint8Array(0x110000);
  for (let run = 0, at = 0; run < data.tokens.classes.length; run += 2) {
    const [length, kind] = data.tokens.classes.slice(run, run + 2);
    classes.fill(kind, at, at + length);
    at += length;
  }

  /**
   * @param {[string, string]} table single characters, and what each becomes, separated by spaces
   * @returns {Map<string, string>}
   */
  function pairs([characters, replacements]) {
    const texts = replacements.split(" ");
    return new Map([...characters].map((character, position) => [character, texts[position]]));
  }

  /**
   * A word of a text.
   * @typedef {{id: number, begin: number, end: number}} Word the positions count UTF-16 units; `end` is exclusive
   */

  /**
   * Find the words of a text, as `Vocabulary.encode_typed` and `Vocabulary.typed_spans` do.
   * @param {string} text
   * @returns {Word[]}
   */
  function wordsOf(text) {
    /** @type {Word[]} */
    const words = [];
    let begin = 0;
    for (let at = 0; at <= text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (at < text.length && !(unit < 128 && separators[unit])) continue;
      if (unit === BACKTICK && isApostrophe(text, at)) continue;
      if (begin < at) lookUp(text.slice(begin, at), begin, words);
      begin = at + 1;
    }
    return words;
  }

  /**
   * Return whether the backtick at a position stands between two letters or digits.
   * @param {string} text
   * @param {number} at
   */
  function isApostrophe(text, at) {
    if (at === 0 || at + 1 === text.length) return false;
    const before = text.codePointAt(at - 2) > 0xffff ? text.codePointAt(at - 2) : text.charCodeAt(at - 1);
    return Boolean(classes[before] & classes[text.codePointAt(at + 1)] & ALPHANUMERIC);
  }

  /**
   * Append the words of a part of a text without ASCII separators.
   * @param {string} chunk
   * @param {number} offset the position of the part
   * @param {Word[]} words
   */
  function lookUp(chunk, offset, words) {
    // Only ASCII letters become small here; the others fold later.
    const small = chunk.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()).replaceAll("`", "'");
    const found = /^[ -~]*$/.test(small) ? [[small, 0, small.length]] : normalizedWords(small);
    for (const [word, begin, end] of found) {
      const id = wordIndex.get(word) ?? wordIndex.get(word.replace(/^'+|'+$/g, ""));
      if (id !== undefined || [...word].some((character) => classOf(character) & ALPHANUMERIC)) {
        words.push({ id: id ?? OOV, begin: offset + begin, end: offset + end });
      }
    }
  }

  /** @param {string} character */
  function classOf(character) {
    return classes[character.codePointAt(0)];
  }

  /**
   * Split a text at punctuation of all kinds, and normalize its words; see `imdb_rnn.text.normalization`.
   * @param {string} text
   * @returns {[string, number, number][]} word, begin, end
   */
  function normalizedWords(text) {
    const words = [];
    let letters = "";
    let begin = 0;
    let end = 0;
    let at = 0;
    const finish = () => {
      const word = normalized(letters);
      if (word) words.push([word, begin, end]);
      letters = "";
    };
    for (const typed of text) {
      const character = windows1252.get(typed) ?? typed;
      const kind = classOf(character) & KIND;
      const next = at + typed.length;
      if (kind === PART) {
        if (!letters) begin = at;
        letters += apostrophes.has(character) ? "'" : character;
        end = next;
      } else if (kind !== INVISIBLE) {
        finish();
        if (kind === SYMBOL) words.push([character, at, next]);
      }
      at = next;
    }
    finish();
    return words;
  }

  /** @param {string} letters characters that Python's version of Unicode knows, so that all versions agree */
  function normalized(letters) {
    const word = folded(letters.normalize("NFKC")).normalize("NFKC");
    const characters = [...word];
    if (characters.every((character) => classOf(character) & LETTER)) return word;
    // "8½" would become "81", a fraction slash and "2".
    const split = characters.some((character) => (classOf(character) & KIND) !== PART);
    return split ? folded(letters).normalize("NFC") : word;
  }

  /** @param {string} text */
  function folded(text) {
    return Array.from(text, (character) => folds.get(character) ?? character).join("");
  }

  // -------------------------------------------------------------------------------------------------------- the model

  const { numWords, maxLen, windows } = data.preprocessing;
  const { inputs, units } = data.shape;
  const [embeddings, kernel, recurrent, bias, outKernel, outBias] = weightsOf(data.weights);
  const termOf = termsOf();
  const sums = new Float64Array(units);
  /** The state after each number of paddings. */
  const padded = [new Float64Array(units)];
  for (let count = 1; count < maxLen; count += 1) padded.push(read(padded[count - 1].slice(), [PADDING], 0, 1));

  /**
   * @param {string} text the weights in the order of `build_model().weights`: float32, little endian, in base64
   * @returns {Float64Array[]}
   */
  function weightsOf(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const values = new Float32Array(bytes.buffer);
    let at = 0;
    return [numWords * inputs, inputs * units, units * units, units, units, 1].map((size) => {
      at += size;
      return Float64Array.from(values.subarray(at - size, at));
    });
  }

  /** Return what each id adds to the state before tanh: its embedding times the kernel, plus the bias. */
  function termsOf() {
    const terms = new Float64Array(numWords * units);
    for (let id = 0; id < numWords; id += 1) {
      for (let unit = 0; unit < units; unit += 1) {
        let sum = bias[unit];
        for (let input = 0; input < inputs; input += 1) {
          sum += embeddings[id * inputs + input] * kernel[input * units + unit];
        }
        terms[id * units + unit] = sum;
      }
    }
    return terms;
  }

  /**
   * Read ids, which changes the state.
   * @param {Float64Array} state
   * @param {ArrayLike<number>} ids below `numWords`
   * @param {number} begin
   * @param {number} end
   */
  function read(state, ids, begin, end) {
    for (let at = begin; at < end; at += 1) {
      const term = ids[at] * units;
      for (let unit = 0; unit < units; unit += 1) sums[unit] = termOf[term + unit];
      for (let other = 0, weight = 0; other < units; other += 1) {
        const value = state[other];
        for (let unit = 0; unit < units; unit += 1, weight += 1) sums[unit] += value * recurrent[weight];
      }
      // tanh, with an error of at most some 1e-16, in less time than Math.tanh takes.
      for (let unit = 0; unit < units; unit += 1) state[unit] = 1 - 2 / (Math.exp(2 * sums[unit]) + 1);
    }
    return state;
  }

  /** @param {Float64Array} state */
  function logitOf(state) {
    let sum = outBias[0];
    for (let unit = 0; unit < units; unit += 1) sum += state[unit] * outKernel[unit];
    return sum;
  }

  /** @param {number} logit */
  function sigmoid(logit) {
    const small = Math.exp(-Math.abs(logit)); // the exponent is never positive, so it cannot overflow
    return (logit < 0 ? small : 1) / (1 + small);
  }

  /**
   * Return the rows of a text as `Preprocessing.rows` cuts them. Rows of the same text have the same number of words.
   * @param {number} count the number of words
   * @returns {{begins: number[], length: number}} the first word of each row, and how many it holds
   */
  function rowsOf(count) {
    if (!windows) return count < maxLen ? { begins: [0], length: count } : { begins: [count - maxLen], length: maxLen };
    const longest = maxLen - 1;
    const surplus = Math.max(count - longest, 0);
    const rows = 1 + Math.ceil(surplus / Math.max(Math.floor(longest / 2), 1));
    const begins = Array.from({ length: rows }, (_, row) => Math.floor((row * surplus) / Math.max(rows - 1, 1)));
    return { begins, length: Math.min(count, longest) };
  }

  /**
   * Return a new state before the first word of a row: after padding and START.
   * @param {number} length the number of words in the row; a row without a place for START has none
   */
  function stateBefore(length) {
    return length < maxLen ? read(padded[maxLen - 1 - length].slice(), [START], 0, 1) : new Float64Array(units);
  }

  /**
   * Computes the logits of a text and of its parts. It keeps the logit of each row, because many parts share it.
   */
  class Reading {
    /** @param {Word[]} words */
    constructor(words) {
      this.ids = Int32Array.from(words, ({ id }) => (id < numWords ? id : OOV));
      /** @type {Map<number, number>} */
      this.known = new Map();
    }

    /**
     * Return the logit of a row.
     * @param {number} begin its first word
     * @param {number} length
     */
    row(begin, length) {
      const key = begin * (maxLen + 1) + length;
      let logit = this.known.get(key);
      if (logit === undefined) {
        logit = logitOf(read(stateBefore(length), this.ids, begin, begin + length));
        this.known.set(key, logit);
      }
      return logit;
    }

    /**
     * Return the logit of the text that consists of the first words.
     * @param {number} count
     */
    beginning(count) {
      const { begins, length } = rowsOf(count);
      return begins.reduce((sum, begin) => sum + this.row(begin, length), 0) / begins.length;
    }

    /**
     * Return, for each word, the logit of the text without it.
     * @returns {Float64Array}
     */
    withoutEach() {
      const { ids } = this;
      const count = ids.length;
      const { begins, length } = rowsOf(count - 1);
      const sums = new Float64Array(count);
      for (const begin of begins) {
        // A row that lies before the word is a row of the text; one that lies behind it begins one word later.
        const gapEnd = begin + length;
        for (let word = 0; word <= begin; word += 1) sums[word] += this.row(begin + 1, length);
        const state = stateBefore(length);
        for (let word = begin; word < gapEnd; word += 1) {
          // The state before the word is shared by all later gaps.
          if (word > begin) sums[word] += logitOf(read(state.slice(), ids, word + 1, gapEnd + 1));
          read(state, ids, word, word + 1);
        }
        for (let word = Math.max(gapEnd, begin + 1); word < count; word += 1) sums[word] += this.row(begin, length);
      }
      return sums.map((sum) => sum / begins.length);
    }
  }

  // ------------------------------------------------------------------------------------------------- scores of a text

  const { maxReviewWords, maxExplainedWords } = data.limits;

  /**
   * The score of a text.
   * @typedef {object} Score
   * @property {number} words the number of words
   * @property {number} known how many of them the model knows
   * @property {"noWord" | "unknown" | "long" | null} reason why there is no score
   * @property {number | null} logit
   * @property {number | null} score the probability that the review is positive
   * @property {"positive" | "negative" | null} label
   */

  /**
   * @param {Word[]} words
   * @param {Reading} reading
   * @returns {Score}
   */
  function scoreOf(words, reading) {
    const known = words.reduce((count, { id }) => count + (id > OOV ? 1 : 0), 0);
    const result = { words: words.length, known, reason: null, logit: null, score: null, label: null };
    if (words.length > maxReviewWords) return { ...result, reason: "long" };
    if (known === 0) return { ...result, reason: words.length ? "unknown" : "noWord" };
    const logit = reading.beginning(words.length);
    const score = sigmoid(logit);
    return { ...result, logit, score, label: score > 0.5 ? "positive" : "negative" };
  }

  /**
   * Convert a text to ids.
   * @param {string} text
   * @returns {number[]} START, followed by one id per word
   */
  function encode(text) {
    return [START, ...wordsOf(text).map(({ id }) => id)];
  }

  /**
   * Return the position of each word, in UTF-16 units.
   * @param {string} text
   * @returns {[number, number][]} `end` is exclusive
   */
  function spans(text) {
    return wordsOf(text).map(({ begin, end }) => [begin, end]);
  }

  /**
   * Compute the score of a review.
   * @param {string | number[]} review a text, or its ids as `encode` returns them
   * @returns {Score}
   */
  function score(review) {
    const words =
      typeof review === "string" ? wordsOf(review) : review.slice(1).map((id) => ({ id, begin: 0, end: 0 }));
    return scoreOf(words, new Reading(words));
  }

  /**
   * Explain the score of a review, as `imdb_rnn.explain` does.
   * @param {string} text
   * @returns {Score & {found: Word[], scores: number[] | null, contributions: number[] | null}} per word: the score of
   *   the review if it ends there, and the decrease of the logit when the word is left out; null without a score, or
   *   for a long text
   */
  function explain(text) {
    const found = wordsOf(text);
    const reading = new Reading(found);
    const result = scoreOf(found, reading);
    if (result.reason || found.length > maxExplainedWords) {
      return { ...result, found, scores: null, contributions: null };
    }
    const scores = found.map((_, position) => sigmoid(reading.beginning(position + 1)));
    const contributions = Array.from(reading.withoutEach(), (logit) => result.logit - logit);
    return { ...result, found, scores, contributions };
  }

  // ------------------------------------------------------------------------------------------------------ the strings

  const STRINGS = {
    en: {
      title: "Did they like the film?",
      lead: "Write a film review in English. A small neural network judges it as you write.",
      other: "한국어",
      review: "Your review",
      clear: "Clear",
      nothing: "No words yet.",
      countOne: "1 word",
      countMany: "{words} words",
      countUnknown: "{count}, {unknown} of them unknown to the model",
      verdict: "Verdict",
      positive: "positive",
      negative: "negative",
      spoken: "{label}, {percent}.",
      noWord: "Write a few words, or choose a sample.",
      unknown: "No score: the model knows none of the {words} words. It reads English.",
      unknownOne: "No score: the model does not know this word. It reads English.",
      long: "No score: the text has {words} words. At most {most} can be read.",
      doubtful: "The model knows only {known} of the {words} words, so this verdict means little. It reads English.",
      samples: "Sample reviews",
      samplesNote: "Choose one to see what the model thinks of it.",
      explanation: "Word by word",
      morePositive: "makes the review more positive",
      moreNegative: "makes it more negative",
      unknownWord: "is unknown to the model",
      keys: "Point at a word, or go from word to word with the arrow keys.",
      detail: "“{word}” contributes {contribution}. After it, the review is {percent} positive.",
      detailUnknown: "“{word}” is unknown to the model and contributes {contribution}. After it, the review is {percent} positive.",
      tooLong: "A text of more than {most} words is scored, but not explained.",
      curve: "The score after each word",
      curveText: "The score after each of {words} words. It is between {low} and {high} positive, and ends at {last}.",
      curveNote: "From the first word on the left to the last on the right.",
      strongest: "The strongest words",
      word: "Word",
      contribution: "Contribution",
      contributionNote: "The contribution of a word is how much the model’s logit falls when the word is left out.",
      factModel: "The model: an embedding, a simple recurrent layer and a dense layer, with {parameters} parameters. It knows {vocabulary} words.",
      factImdb: "It was trained on film reviews from IMDB.",
      factSynthetic: "It was trained on invented reviews.",
      factSource: "It was trained on “{source}”.",
      factAccuracy: "It judges {percent} of the test reviews correctly.",
      factFurther: "It has been trained further since.",
      factInterrupted: "Its training was interrupted, so its scores are preliminary.",
      factLocal: "Everything is computed in this page; nothing is sent anywhere.",
    },
    ko: {
      title: "영화가 마음에 들었을까요?",
      lead: "영화 리뷰를 영어로 써 보세요. 작은 신경망이 단어 하나하나를 읽으며 바로 판정합니다.",
      other: "English",
      review: "리뷰 (영어)",
      clear: "지우기",
      nothing: "아직 단어가 없습니다.",
      countOne: "단어 1개",
      countMany: "단어 {words}개",
      countUnknown: "{count}, 그중 모델이 모르는 단어 {unknown}개",
      verdict: "판정",
      positive: "긍정",
      negative: "부정",
      spoken: "{label}, {percent}.",
      noWord: "몇 단어를 쓰거나 예시를 골라 주세요.",
      unknown: "점수 없음: 단어 {words}개 가운데 모델이 아는 단어가 없습니다. 모델은 영어만 읽습니다.",
      unknownOne: "점수 없음: 모델이 모르는 단어입니다. 모델은 영어만 읽습니다.",
      long: "점수 없음: 단어가 {words}개입니다. {most}개까지만 읽을 수 있습니다.",
      doubtful: "단어 {words}개 가운데 모델이 아는 단어가 {known}개뿐이므로 이 판정은 큰 의미가 없습니다. 모델은 영어만 읽습니다.",
      samples: "예시 리뷰",
      samplesNote: "하나를 골라 모델의 판정을 확인해 보세요. 모델이 영어를 읽으므로 예시도 영어입니다.",
      explanation: "단어별로 보기",
      morePositive: "리뷰를 더 긍정적으로 만드는 단어",
      moreNegative: "더 부정적으로 만드는 단어",
      unknownWord: "모델이 모르는 단어",
      keys: "단어를 가리키거나 화살표 키로 단어 사이를 이동해 보세요.",
      detail: "“{word}”의 기여도는 {contribution}입니다. 이 단어까지 읽으면 긍정 확률은 {percent}입니다.",
      detailUnknown: "“{word}”은(는) 모델이 모르는 단어이며 기여도는 {contribution}입니다. 이 단어까지 읽으면 긍정 확률은 {percent}입니다.",
      tooLong: "단어가 {most}개를 넘는 글은 점수만 보여 주고 설명은 생략합니다.",
      curve: "단어를 읽을 때마다의 점수",
      curveText: "단어 {words}개를 하나씩 읽을 때마다의 긍정 확률입니다. {low}에서 {high} 사이이며 마지막은 {last}입니다.",
      curveNote: "왼쪽이 첫 단어, 오른쪽이 마지막 단어입니다.",
      strongest: "기여도가 가장 큰 단어",
      word: "단어",
      contribution: "기여도",
      contributionNote: "기여도는 그 단어를 뺐을 때 모델의 로짓이 줄어드는 크기입니다.",
      factModel: "모델: 임베딩, 단순 순환층, 밀집층으로 이루어져 있고 파라미터는 {parameters}개, 아는 단어는 {vocabulary}개입니다.",
      factImdb: "IMDB 영화 리뷰로 훈련했습니다.",
      factSynthetic: "지어낸 리뷰로 훈련했습니다.",
      factSource: "훈련 자료: “{source}”.",
      factAccuracy: "테스트 리뷰의 {percent}를 바르게 판정합니다.",
      factFurther: "그 뒤에 더 훈련했습니다.",
      factInterrupted: "훈련이 중단되어 점수는 잠정적입니다.",
      factLocal: "모든 계산은 이 페이지 안에서 이루어지며, 어디로도 전송되지 않습니다.",
    },
  };

  globalThis.imdbRnn = Object.freeze({ encode, spans, score, explain, strings: STRINGS });

  // ---------------------------------------------------------------------------------------------------- the interface

  const FACES = { positive: "😀", negative: "💥" };
  /** A contribution of so many logits has the full colour; one below the second number has no mark. */
  const STRONG = 1;
  const WEAK = 0.1;
  const SHOWN_WORDS = 5;
  /** In milliseconds: shorter work than this is done with every key; longer work waits for a pause. */
  const UNNOTICED = 12;
  const LONGEST_PAUSE = 300;
  const SPOKEN_PAUSE = 900;

  /** @param {string} id */
  const element = (id) => document.getElementById(id);
  const review = element("review");
  let language = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";
  /** What is shown: the text and its explanation. */
  let shown = { text: "", ...explain("") };
  /** @type {HTMLElement[]} */
  let wordElements = [];
  let chosen = -1;
  let milliseconds = 0;
  let waiting = 0;
  let waitingToSpeak = 0;

  /**
   * Return a sentence in the language of the interface.
   * @param {string} key
   * @param {Record<string, string | number>} values for the names in braces
   */
  function say(key, values = {}) {
    return STRINGS[language][key].replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === "number" ? value.toLocaleString("en") : value;
    });
  }

  /** @param {number} share @param {number} digits */
  const percentOf = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
  /** @param {number} value */
  const signed = (value) => `${value < 0 && value.toFixed(2) !== "-0.00" ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

  /**
   * @param {string} name
   * @param {string} className
   * @param {string} text
   */
  function made(name, className = "", text = "") {
    const one = document.createElement(name);
    if (className) one.className = className;
    one.textContent = text;
    return one;
  }

  /**
   * @param {string} name
   * @param {Record<string, string | number>} attributes
   */
  function drawn(name, attributes) {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, String(value));
    return one;
  }

  /** Score and show the text in the box. */
  function update() {
    const begin = performance.now();
    const text = review.value;
    shown = { text, ...explain(text) };
    chosen = -1;
    showVerdict();
    showWords();
    showCurve();
    showStrongest();
    milliseconds = performance.now() - begin;
    clearTimeout(waitingToSpeak);
    waitingToSpeak = setTimeout(speak, SPOKEN_PAUSE);
  }

  /** Update at once if that is quick, otherwise when no key has been pressed for a moment: typing never lags. */
  function updateSoon() {
    clearTimeout(waiting);
    // The time grows faster than the length of the text.
    const expected = milliseconds * Math.max(1, review.value.length / (shown.text.length + 200)) ** 2;
    if (expected < UNNOTICED) update();
    else waiting = setTimeout(update, Math.min(4 * expected, LONGEST_PAUSE));
  }

  function reasonText() {
    const { reason, words, known } = shown;
    if (reason === "unknown" && words === 1) return say("unknownOne");
    if (reason) return say(reason, { words, most: maxReviewWords });
    return known * 10 < words ? say("doubtful", { words, known }) : "";
  }

  function verdictShare() {
    return shown.label === "positive" ? shown.score : 1 - shown.score;
  }

  function showVerdict() {
    const { words, known, label, score: share } = shown;
    const count = words === 1 ? say("countOne") : say("countMany", { words });
    const unknown = words - known;
    element("count").textContent = words
      ? unknown
        ? say("countUnknown", { count, unknown })
        : count
      : say("nothing");
    element("clear").disabled = review.value === "";
    const verdict = element("verdict");
    verdict.dataset.label = label ?? "none";
    element("face").textContent = label ? FACES[label] : "…";
    element("label").textContent = label ? say(label) : "";
    element("percent").textContent = label ? percentOf(verdictShare(), 1) : "";
    element("needle").style.left = percentOf(share ?? 0.5, 2);
    element("needle").hidden = !label;
    element("reason").textContent = reasonText();
  }

  /** Tell a screen reader the verdict. */
  function speak() {
    const { label } = shown;
    const parts = label ? [say("spoken", { label: say(label), percent: percentOf(verdictShare(), 1) })] : [];
    element("status").textContent = [...parts, reasonText()].join(" ").trim();
  }

  function showWords() {
    const { text, found, contributions } = shown;
    const note = shown.label && !contributions ? say("tooLong", { most: maxExplainedWords }) : "";
    element("too-long").textContent = note;
    element("explained").hidden = !contributions;
    element("explanation").hidden = !shown.label;
    wordElements = [];
    const parts = [];
    let at = 0;
    (contributions ?? []).forEach((contribution, position) => {
      const { id, begin, end } = found[position];
      parts.push(document.createTextNode(text.slice(at, begin)));
      const word = made("span", "word", text.slice(begin, end));
      if (contribution >= WEAK) word.classList.add("positive");
      if (contribution <= -WEAK) word.classList.add("negative");
      if (id === OOV) word.classList.add("unknown");
      word.style.setProperty("--share", Math.min(Math.abs(contribution) / STRONG, 1).toFixed(3));
      word.setAttribute("role", "option");
      word.setAttribute("aria-selected", "false");
      word.tabIndex = position === 0 ? 0 : -1;
      word.dataset.position = String(position);
      wordElements.push(word);
      parts.push(word);
      at = end;
    });
    parts.push(document.createTextNode(text.slice(at)));
    element("words").replaceChildren(...(contributions ? parts : []));
    showDetail();
  }

  /** Show the numbers of the chosen word. */
  function showDetail() {
    const { text, found, scores, contributions } = shown;
    if (chosen < 0 || !scores) {
      element("detail").textContent = say("keys");
      element("marker").setAttribute("visibility", "hidden");
      return;
    }
    const { id, begin, end } = found[chosen];
    element("detail").textContent = say(id === OOV ? "detailUnknown" : "detail", {
      word: text.slice(begin, end),
      contribution: signed(contributions[chosen]),
      percent: percentOf(scores[chosen]),
    });
    element("marker").setAttribute("x1", String(chosen + 0.5));
    element("marker").setAttribute("x2", String(chosen + 0.5));
    element("marker").setAttribute("visibility", "visible");
  }

  /** @param {number} position */
  function choose(position) {
    if (position === chosen) return;
    wordElements[chosen]?.setAttribute("aria-selected", "false");
    chosen = position;
    wordElements[chosen]?.setAttribute("aria-selected", "true");
    showDetail();
  }

  /** @param {number} position */
  function goTo(position) {
    const target = wordElements[Math.max(0, Math.min(position, wordElements.length - 1))];
    for (const word of wordElements) if (word.tabIndex === 0) word.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  }

  function showCurve() {
    const { scores } = shown;
    const curve = element("curve");
    curve.removeAttribute("aria-label");
    if (!scores) return;
    const count = scores.length;
    const points = scores.map((share, position) => `${position + 0.5},${(1 - share).toFixed(4)}`);
    const line = [`0,${points[0].split(",")[1]}`, ...points, `${count},${points[count - 1].split(",")[1]}`].join(" ");
    const area = `0,0.5 ${line} ${count},0.5`;
    curve.setAttribute("viewBox", `0 0 ${count} 1`);
    for (const [id, top] of [["above", 0], ["below", 0.5]]) {
      const half = element(`${id}-half`);
      half.replaceChildren(drawn("rect", { x: 0, y: top, width: count, height: 0.5 }));
      element(id).setAttribute("points", area);
    }
    element("middle").setAttribute("x2", String(count));
    element("line").setAttribute("points", line);
    const ends = [Math.min(...scores), Math.max(...scores), scores[count - 1]];
    const [low, high, last] = ends.map((share) => percentOf(share));
    curve.setAttribute("aria-label", say("curveText", { words: count, low, high, last }));
  }

  function showStrongest() {
    const { text, found, contributions } = shown;
    const seen = new Map();
    const order = (contributions ?? []).map((_, position) => position);
    order.sort((one, other) => Math.abs(contributions[other]) - Math.abs(contributions[one]));
    for (const position of order) {
      const word = text.slice(found[position].begin, found[position].end);
      if (!seen.has(word.toLowerCase())) seen.set(word.toLowerCase(), [word, contributions[position]]);
      if (seen.size === SHOWN_WORDS) break;
    }
    const rows = [...seen.values()];
    const most = Math.max(STRONG, ...rows.map(([, contribution]) => Math.abs(contribution)));
    element("strongest").replaceChildren(
      ...rows.map(([word, contribution]) => {
        const row = made("tr");
        const head = made("th");
        head.scope = "row";
        head.append(made("bdi", "", word));
        const bar = made("td", contribution < 0 ? "bar negative" : "bar positive");
        const fill = made("span");
        fill.style.width = percentOf(Math.abs(contribution) / most, 1);
        bar.append(fill);
        row.append(head, made("td", "number", signed(contribution)), bar);
        return row;
      }),
    );
  }

  function showFacts() {
    const { parameters, vocabulary, source, accuracy, further, interrupted } = data.facts;
    const facts = [say("factModel", { parameters, vocabulary })];
    if (source === "imdb" || source === "tfds") facts.push(say("factImdb"));
    else if (source === "synthetic") facts.push(say("factSynthetic"));
    else if (source) facts.push(say("factSource", { source }));
    if (accuracy !== null) facts.push(say("factAccuracy", { percent: percentOf(accuracy, 1) }));
    if (further) facts.push(say("factFurther"));
    if (interrupted) facts.push(say("factInterrupted"));
    element("facts").textContent = [...facts, say("factLocal")].join(" ");
  }

  /** Show everything in the language of the interface. */
  function showLanguage() {
    document.documentElement.lang = language;
    document.title = say("title");
    for (const one of document.querySelectorAll("[data-text]")) one.textContent = say(one.dataset.text);
    element("language").lang = language === "en" ? "ko" : "en";
    showFacts();
    showVerdict();
    showWords();
    showCurve();
    speak();
  }

  element("language").addEventListener("click", () => {
    language = language === "en" ? "ko" : "en";
    chosen = -1;
    showLanguage();
  });
  review.addEventListener("input", updateSoon);
  element("clear").addEventListener("click", () => {
    review.value = "";
    update();
    review.focus();
  });
  element("samples").append(
    ...data.samples.map((text) => {
      const item = made("li");
      const button = made("button", "", text);
      button.type = "button";
      button.lang = "en";
      button.addEventListener("click", () => {
        review.value = text;
        update();
      });
      item.append(button);
      return item;
    }),
  );
  const words = element("words");
  /** @param {Event} event */
  const positionOf = ({ target }) => Number(target.closest?.(".word")?.dataset.position ?? -1);
  words.addEventListener("focusin", (event) => choose(positionOf(event)));
  words.addEventListener("pointerover", (event) => positionOf(event) >= 0 && choose(positionOf(event)));
  words.addEventListener("click", (event) => positionOf(event) >= 0 && goTo(positionOf(event)));
  words.addEventListener("keydown", (event) => {
    const position = positionOf(event);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (position < 0 || event.altKey || event.ctrlKey || event.metaKey || !(event.key in steps)) return;
    event.preventDefault();
    goTo(position + steps[event.key]);
  });
  element("curve").addEventListener("pointermove", (event) => {
    const { left, width } = element("curve").getBoundingClientRect();
    const position = Math.floor(((event.clientX - left) / width) * wordElements.length);
    choose(Math.max(0, Math.min(position, wordElements.length - 1)));
  });

  review.value = data.samples[0];
  update();
  showLanguage();
})();
