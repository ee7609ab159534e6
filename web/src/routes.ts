// Which path shows which page, and what stands in the navigation. Pages are loaded when they are first shown.
//
// A group of pages has its own list in routes/: { path, title, icon, section, page }. Without icon it is not in the navigation.

import type { Component } from 'svelte';

import type { IconName } from './lib/Icon.svelte';
import { broker } from './routes/broker';
import { integration } from './routes/integration';
import { stations } from './routes/stations';
import { system } from './routes/system';

export type Section = 'Monitor' | 'Keep' | 'Integrate' | 'Tools' | 'System';
export const sections: Section[] = ['Monitor', 'Keep', 'Integrate', 'Tools', 'System'];

export interface RouteEntry {
  path: string; // '/clients/{clientid}': parameters are in route.params
  title: string;
  section?: Section;
  icon?: IconName;
  administrators?: boolean; // viewers neither see it nor get there
  page: () => Promise<{ default: Component }>;
}

export const routes: RouteEntry[] = [...broker, ...stations, ...integration, ...system];
