// Rules, actions, connectors, the flow of data through them.
import type { RouteEntry } from '../routes';

export const integration: RouteEntry[] = [
  { path: '/flow', title: 'Flow', section: 'Integrate', icon: 'flow', page: () => import('../pages/flow/Flow.svelte') },
  { path: '/rules', title: 'Rules', section: 'Integrate', icon: 'rules', page: () => import('../pages/rules/Rules.svelte') },
  { path: '/rules/+new', title: 'New rule', administrators: true, page: () => import('../pages/rules/Rule.svelte') },
  { path: '/rules/{id}', title: 'Rule', page: () => import('../pages/rules/Rule.svelte') },
  { path: '/actions', title: 'Actions', section: 'Integrate', icon: 'actions', page: () => import('../pages/actions/Actions.svelte') },
  { path: '/actions/{id}', title: 'Action', page: () => import('../pages/actions/Action.svelte') },
  { path: '/connectors', title: 'Connectors', section: 'Integrate', icon: 'connectors', page: () => import('../pages/connectors/Connectors.svelte') },
  { path: '/connectors/{id}', title: 'Connector', page: () => import('../pages/connectors/Connector.svelte') },
];
