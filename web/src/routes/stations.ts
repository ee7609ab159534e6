// Stations and their tiers. A name of a station never begins with '+'.
import type { RouteEntry } from '../routes';

export const stations: RouteEntry[] = [
  { path: '/stations', title: 'Stations', section: 'Keep', icon: 'stations', page: () => import('../pages/stations/Stations.svelte') },
  { path: '/stations/+new', title: 'New station', administrators: true, page: () => import('../pages/stations/NewStation.svelte') },
  { path: '/stations/+recover', title: 'Recover stations', administrators: true, page: () => import('../pages/stations/Recover.svelte') },
  { path: '/stations/{name}', title: 'Station', page: () => import('../pages/stations/Station.svelte') },
  { path: '/stations/{name}/edit', title: 'Settings', administrators: true, page: () => import('../pages/stations/EditStation.svelte') },
  { path: '/stations/{name}/restore', title: 'Restore', administrators: true, page: () => import('../pages/stations/Restore.svelte') },
];
