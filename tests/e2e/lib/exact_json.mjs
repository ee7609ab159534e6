// JSON with numbers as they are written: 1 is {int: 1n} and 1.0 is {float: 1}, so that the two can be told apart and no digit is lost.

const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const WORDS = { true: true, false: false, null: null };

export class Int {
  constructor(text) {
    this.value = BigInt(text);
  }
}

export class Float {
  constructor(text) {
    this.value = Number(text);
  }
}

export function parseExact(text) {
  let at = 0;
  const space = () => {
    while (' \n\r\t'.includes(text[at]) && at < text.length) at++;
  };
  const fail = () => {
    throw new SyntaxError(`at ${at} of ${text}`);
  };
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) fail();
    at = pattern.lastIndex;
    return found;
  };
  const expect = (character) => {
    space();
    if (text[at] !== character) fail();
    at++;
  };
  // What is between an opening character and `close`, with commas.
  const list = (close, item) => {
    at++;
    space();
    if (text[at] === close) {
      at++;
      return;
    }
    for (;;) {
      item();
      space();
      if (text[at] === close) {
        at++;
        return;
      }
      expect(',');
    }
  };
  const value = () => {
    space();
    if (text[at] === '"') return JSON.parse(take(STRING)[0]);
    if (text[at] === '[') {
      const items = [];
      list(']', () => items.push(value()));
      return items;
    }
    if (text[at] === '{') {
      const members = {};
      list('}', () => {
        space();
        const key = JSON.parse(take(STRING)[0]);
        expect(':');
        Object.defineProperty(members, key, { value: value(), enumerable: true, configurable: true, writable: true });
      });
      return members;
    }
    for (const [word, meaning] of Object.entries(WORDS)) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    const [written, point, exponent] = take(NUMBER);
    return point || exponent ? new Float(written) : new Int(written);
  };
  const result = value();
  space();
  if (at !== text.length) fail();
  return result;
}

// Whether the two say the same. Floats may differ by one in 10^9. `subset`: members that `expected` lacks do not count.
export function sameExact(expected, actual, subset = false) {
  if (expected === null || typeof expected !== 'object') return expected === actual;
  if (actual === null || typeof actual !== 'object' || expected.constructor !== actual.constructor) return false;
  if (expected instanceof Int) return expected.value === actual.value;
  if (expected instanceof Float) {
    const size = Math.max(1, Math.abs(expected.value), Math.abs(actual.value));
    return Math.abs(expected.value - actual.value) <= 1e-9 * size;
  }
  if (Array.isArray(expected)) {
    return expected.length === actual.length && expected.every((item, i) => sameExact(item, actual[i], subset));
  }
  const keys = Object.keys(expected);
  return (
    (subset || keys.length === Object.keys(actual).length) &&
    keys.every((key) => Object.hasOwn(actual, key) && sameExact(expected[key], actual[key], subset))
  );
}
