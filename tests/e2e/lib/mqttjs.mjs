// MQTT.js for tests: connects without reconnecting behind the test's back, and keeps what arrives.

import mqtt from 'mqtt';

import { PATIENCE_MS, unique, until } from './wait.mjs';

// The two versions that most clients speak, as a table to loop over.
export const VERSIONS = [
  { name: '3.1.1', protocolVersion: 4 },
  { name: '5', protocolVersion: 5 },
];

// Resolves with a connected client; `client.inbox` holds {topic, payload (text), packet} of every message. What
// breaks afterwards is for the test to notice, so a late 'error' is kept in client.failure.
export async function connect(url, options = {}) {
  const client = await mqtt.connectAsync(
    url,
    { clientId: unique('js'), reconnectPeriod: 0, connectTimeout: PATIENCE_MS, ...options },
    false, // no retries: the first refusal is the answer
  );
  client.on('error', (error) => (client.failure = error));
  return collect(client);
}

function collect(client) {
  client.inbox = [];
  client.on('message', (topic, payload, packet) => client.inbox.push({ topic, payload: payload.toString(), packet }));
  client.received = (n, what = `${n} messages`) =>
    until(() => client.inbox.length >= n, `${what}, ${client.inbox.length} came`).then(() => client.inbox);
  return client;
}

// The error that a refused connection gives.
export function refusal(url, options = {}) {
  return connect(url, options).then(
    (client) => client.endAsync(true).then(() => Promise.reject(new Error('was accepted'))),
    (error) => error,
  );
}
