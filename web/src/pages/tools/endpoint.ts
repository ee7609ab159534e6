// Where the page's MQTT client connects: a WebSocket listener, under a name by which this browser reaches the machine.

import type { Answer } from '../../api/client';

export type Listener = Answer<'/api/v5/listeners'>[number];

// '127.0.0.1:8083', '[::1]:8083'
function split(bind: string): { host: string; port: string } {
  const colon = bind.lastIndexOf(':');
  return { host: bind.slice(0, colon), port: bind.slice(colon + 1) };
}

// The page's own host serves, unless the listener is bound to another address of the machine. A page of https may open wss alone.
export function endpointOf(listeners: Listener[], page: { protocol: string; hostname: string }): string | null {
  const wanted = page.protocol === 'https:' ? ['wss'] : ['ws', 'wss'];
  for (const type of wanted) {
    const listener = listeners.find((one) => one.type === type);
    if (!listener) continue;
    const { host, port } = split(listener.bind);
    const anywhere = ['0.0.0.0', '[::]', '*'].includes(host);
    const loopback = host.startsWith('127.') || host === '[::1]';
    const own = page.hostname.includes(':') && !page.hostname.startsWith('[') ? `[${page.hostname}]` : page.hostname;
    return `${type}://${anywhere || (loopback && own === 'localhost') ? own : host}:${port}${listener.path ?? '/mqtt'}`;
  }
  return null;
}
