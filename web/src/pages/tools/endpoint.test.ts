import { expect, test } from 'vitest';

import { endpointOf, type Listener } from './endpoint';

const ws = (bind: string): Listener => ({ id: 'ws:default', type: 'ws', name: 'default', bind, path: '/mqtt' }) as Listener;
const wss = (bind: string): Listener => ({ id: 'wss:default', type: 'wss', name: 'default', bind, path: '/mqtt' }) as Listener;
const http = { protocol: 'http:', hostname: 'broker.example.com' };

test('a listener of all addresses is reached under the name of the page', () => {
  expect(endpointOf([ws('0.0.0.0:8083')], http)).toBe('ws://broker.example.com:8083/mqtt');
  expect(endpointOf([ws('[::]:8083')], { protocol: 'http:', hostname: '[::1]' })).toBe('ws://[::1]:8083/mqtt');
});

test('one of a single address is reached there', () => {
  expect(endpointOf([ws('127.0.0.1:8083')], { protocol: 'http:', hostname: '127.0.0.1' })).toBe('ws://127.0.0.1:8083/mqtt');
  expect(endpointOf([ws('10.0.0.5:8083')], http)).toBe('ws://10.0.0.5:8083/mqtt');
});

test('a page of https opens wss alone', () => {
  const https = { protocol: 'https:', hostname: 'broker.example.com' };
  expect(endpointOf([ws('0.0.0.0:8083')], https)).toBe(null);
  expect(endpointOf([ws('0.0.0.0:8083'), wss('0.0.0.0:8084')], https)).toBe('wss://broker.example.com:8084/mqtt');
});
