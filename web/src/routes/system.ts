// Who may use the broker's API and dashboard, and who may connect.
import type { RouteEntry } from '../routes';

export const system: RouteEntry[] = [
  { path: '/users', title: 'Users', section: 'System', icon: 'users', page: () => import('../pages/system/Users.svelte') },
  { path: '/keys', title: 'API keys', section: 'System', icon: 'keys', page: () => import('../pages/system/Keys.svelte') },
  { path: '/mqtt-users', title: 'MQTT users', section: 'System', icon: 'clients', page: () => import('../pages/system/MqttUsers.svelte') },
  { path: '/bans', title: 'Bans', section: 'System', icon: 'ban', page: () => import('../pages/clients/Bans.svelte') },
];
