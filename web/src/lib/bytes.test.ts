import { expect, test } from 'vitest';

import { fromBase64, fromText, hexDump, prettyJson, toBase64, toText } from './bytes';

test('base64 there and back', () => {
  const bytes = new Uint8Array([0, 1, 127, 128, 255]);
  expect(fromBase64(toBase64(bytes))).toEqual(bytes);
});

test('bytes that are no UTF-8 are no text', () => {
  expect(toText(new Uint8Array([0xff, 0xfe]))).toBe(null);
  expect(toText(fromText('grüße'))).toBe('grüße');
});

test('JSON is indented and its numbers keep their digits', () => {
  expect(prettyJson('{"a":[1.0,12345678901234567890],"b":"x,{}\\"","c":{},"d":[ ]}')).toBe(
    '{\n  "a": [\n    1.0,\n    12345678901234567890\n  ],\n  "b": "x,{}\\"",\n  "c": {},\n  "d": []\n}',
  );
  expect(prettyJson('21.5')).toBe(null);
  expect(prettyJson('{"a":')).toBe(null);
});

test('a hex dump has offset, bytes and text, and an end', () => {
  expect(hexDump(fromText('Hello, layers of sediment'))).toBe(
    '00000000  48 65 6c 6c 6f 2c 20 6c  61 79 65 72 73 20 6f 66  Hello, layers of\n' +
      '00000010  20 73 65 64 69 6d 65 6e  74                        sediment',
  );
  expect(hexDump(new Uint8Array(100), 32).split('\n').at(-1)).toBe('… 68 more bytes');
});
