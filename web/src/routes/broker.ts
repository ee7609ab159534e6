// The broker itself: figures, clients, topics.
import type { RouteEntry } from '../routes';

export const broker: RouteEntry[] = [
  { path: '/', title: 'Overview', section: 'Monitor', icon: 'overview', page: () => import('../pages/overview/Overview.svelte') },
  { path: '/clients', title: 'Clients', section: 'Monitor', icon: 'clients', page: () => import('../pages/clients/Clients.svelte') },
  { path: '/clients/{clientid}', title: 'Client', page: () => import('../pages/clients/Client.svelte') },
  { path: '/subscriptions', title: 'Subscriptions', section: 'Monitor', icon: 'subscriptions', page: () => import('../pages/clients/Subscriptions.svelte') },
  { path: '/topics', title: 'Topics', section: 'Monitor', icon: 'topics', page: () => import('../pages/messages/Topics.svelte') },
  { path: '/retained', title: 'Retained messages', section: 'Monitor', icon: 'retained', page: () => import('../pages/messages/Retained.svelte') },
  { path: '/alarms', title: 'Alarms', section: 'Monitor', icon: 'alarms', page: () => import('../pages/system/Alarms.svelte') },
  { path: '/logs', title: 'Logs', section: 'Monitor', icon: 'logs', page: () => import('../pages/system/Logs.svelte') },
  { path: '/try', title: 'Try it', section: 'Tools', icon: 'try', page: () => import('../pages/tools/TryIt.svelte') },
];
