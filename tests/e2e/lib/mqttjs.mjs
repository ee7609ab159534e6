// MQTT.js for tests: connects without reconnecting behind the test's back, and keeps what arrives.

import mqtt from 'mqtt';

import { PATIENCE_MS, unique, until } from './wait.mjs';

// The two versions that most clients speak, as a table to loop over.
export const VERSIONS = [
  { name: '3.1.1', protocolVersion: 4 },
  { name: '5', protocolVersion: 5 },
];

// Resolves with a connected client; `client.inbox` holds {topic, payload (text), packet} of every message, those
// too that come together with CONNACK. What breaks afterwards is for the test to notice: client.failure has it.
export function connect(url, options = {}) {
  return new Promise((resolve, reject) => {
    const client = mqtt.connect(url, { clientId: unique('js'), reconnectPeriod: 0, connectTimeout: PATIENCE_MS, ...options });
    client.inbox = [];
    client.on('message', (topic, payload, packet) => client.inbox.push({ topic, payload: payload.toString(), packet }));
    client.received = (n) => until(() => client.inbox.length >= n, `${n} messages`).then(() => client.inbox);
    const refused = (error) => {
      client.end(true);
      reject(error instanceof Error ? error : new Error('closed before CONNACK'));
    };
    client.once('error', refused);
    client.once('close', refused);
    client.once('connect', (connack) => {
      client.connack = connack;
      client.off('error', refused);
      client.off('close', refused);
      client.on('error', (error) => (client.failure = error));
      resolve(client);
    });
  });
}

// The error that a refused connection gives.
export function refusal(url, options = {}) {
  return connect(url, options).then(
    (client) => client.endAsync(true).then(() => Promise.reject(new Error('was accepted'))),
    (error) => error,
  );
}
