// Payloads that tell what they are: "<publisher>:<number>:<filler>", where the filler follows from the first two. So what is
// read back is checked byte for byte without keeping what was sent.

// A small generator of reproducible random numbers (mulberry32): a function that returns numbers from 0 to 1.
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function payload(publisher, number) {
  let seed = number;
  for (const c of publisher) seed = Math.imul(seed ^ c.charCodeAt(0), 0x01000193);
  const next = random(seed);
  const length = next() < 0.02 ? 20_000 : Math.floor(next() * 400);
  const filler = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) filler[i] = Math.floor(next() * 256);
  return Buffer.concat([Buffer.from(`${publisher}:${number}:`), filler]);
}

// {publisher, number}; throws if the bytes are not what was published.
export function identify(bytes) {
  const [publisher, number] = bytes.subarray(0, 40).toString('latin1').split(':');
  if (!/^\d+$/.test(number ?? '') || !payload(publisher, Number(number)).equals(bytes))
    throw new Error(`a message that nobody has published: ${bytes.subarray(0, 60).toString('latin1')}…`);
  return { publisher, number: Number(number) };
}
