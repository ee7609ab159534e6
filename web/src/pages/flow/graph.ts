// What stands in the flow, and where: sources → rules → actions and stations → stores and tiers.
//
// A pure function of what the API lists, so that it can be tested. Columns are steps of a message's way; within a column, who has its
// neighbours above stands above (the mean of their places, a few rounds), which keeps lines from crossing where they need not. A line that
// passes a column has a place of its own there, so that it runs behind nobody.

import { connectorId } from '../actions/model';
import { describeStep, type Step } from '../rules/steps';
import { kindOf } from '../rules/sql';

export type NodeKind = 'source' | 'rule' | 'step' | 'action' | 'station' | 'connector' | 'tier';

export interface FlowNode {
  id: string; // 'rule:hot'
  kind: NodeKind;
  title: string;
  note: string;
  state?: string;
  reason?: string;
  href?: string;
  name: string; // of the rule, action, …: figures are looked up by it
  x: number;
  y: number;
}

export interface FlowEdge {
  id: string;
  source: string;
  target: string;
  off?: boolean; // nothing goes along it now
}

export interface Listed {
  rules: { id?: string; from?: string[]; actions?: unknown[]; status?: string; status_reason?: string; enable?: boolean }[];
  actions: { type?: string; name?: string; connector?: string; status?: string; status_reason?: string; enable?: boolean; parameters?: { bucket?: string } }[];
  connectors: { type?: string; name?: string; status?: string; status_reason?: string; enable?: boolean }[];
  stations: { name?: string; topics?: string[]; state?: { status?: string; error?: string | null }; tier?: { enabled?: boolean; connector?: string; bucket?: string; prefix?: string } }[];
}

const column: Record<NodeKind, number> = { source: 0, rule: 1, action: 2, step: 2, station: 2, connector: 3, tier: 3 };
const COLUMNS = 4;
export const COLUMN_PX = 290;
export const ROW_PX = 92;

export function graphOf({ rules, actions, connectors, stations }: Listed): { nodes: FlowNode[]; edges: FlowEdge[] } {
  const nodes = new Map<string, FlowNode>();
  const edges = new Map<string, FlowEdge>();
  const add = (node: Omit<FlowNode, 'x' | 'y'>) => {
    if (!nodes.has(node.id)) nodes.set(node.id, { ...node, x: 0, y: 0 });
    return node.id;
  };
  const link = (source: string, target: string, off = false) => {
    const id = `${source}→${target}`;
    if (!edges.has(id)) edges.set(id, { id, source, target, off });
  };
  const stationNode = (name: string) => {
    const station = stations.find((one) => one.name === name);
    return add({
      id: `station:${name}`, kind: 'station', title: name, name, note: station ? 'station' : 'no such station',
      state: station ? (station.state?.status ?? 'running') : 'failed', reason: station?.state?.error ?? undefined, href: `/stations/${encodeURIComponent(name)}`,
    });
  };
  const sourceNode = (topic: string) => {
    const station = kindOf(topic) === 'station' ? topic.slice('$station/'.length) : undefined;
    return add({
      id: `source:${topic}`, kind: 'source', title: station ?? topic, name: topic, note: { event: 'event', station: 'what the station stores', message: 'messages' }[kindOf(topic)],
      href: station === undefined ? undefined : `/stations/${encodeURIComponent(station)}`,
    });
  };

  for (const one of connectors) {
    const id = `${one.type}:${one.name}`;
    add({
      id: `connector:${id}`, kind: 'connector', title: one.name ?? '', name: id, note: one.type === 's3' ? 'object store' : 'directory',
      state: one.enable === false ? 'disabled' : one.status, reason: one.status_reason, href: `/connectors/${encodeURIComponent(id)}`,
    });
  }
  const known = (id: string) => nodes.has(`connector:${id}`);
  for (const one of actions) {
    const id = `${one.type}:${one.name}`;
    add({
      id: `action:${id}`, kind: 'action', title: one.name ?? '', name: id, note: 'action',
      state: one.enable === false ? 'disabled' : one.status, reason: one.status_reason, href: `/actions/${encodeURIComponent(id)}`,
    });
    const store = connectorId(one.connector ?? '');
    if (known(store)) link(`action:${id}`, `connector:${store}`, one.enable === false);
  }
  for (const one of stations) {
    const id = stationNode(one.name ?? '');
    for (const topic of one.topics ?? []) link(sourceNode(topic), id);
    if (!one.tier?.enabled) continue;
    const store = connectorId(one.tier.connector ?? '');
    add({
      id: `tier:${one.name}`, kind: 'tier', title: [one.tier.bucket, one.tier.prefix].filter(Boolean).join('/') || (one.name ?? ''), name: one.name ?? '',
      note: `second tier, ${store.replace(/^s3:/, '')}`, href: `/stations/${encodeURIComponent(one.name ?? '')}`,
      state: connectors.find((each) => `${each.type}:${each.name}` === store)?.status,
    });
    link(id, `tier:${one.name}`);
  }
  for (const one of rules) {
    const rule = one.id ?? '';
    const off = one.enable === false;
    const id = add({
      id: `rule:${rule}`, kind: 'rule', title: rule, name: rule, note: 'rule', state: off ? 'disabled' : one.status, reason: one.status_reason, href: `/rules/${encodeURIComponent(rule)}`,
    });
    for (const topic of one.from ?? []) link(sourceNode(topic), id, off);
    (one.actions as Step[] | undefined)?.forEach((step, i) => {
      const text = describeStep(step);
      if (text.kind === 'store') {
        const target = add({ id: `action:${text.title}`, kind: 'action', title: text.title, name: text.title, note: 'no such action', state: 'failed' });
        link(id, target, off);
      } else if (text.kind === 'station') {
        link(id, stationNode(text.detail), off);
      } else {
        link(id, add({ id: `step:${rule}:${i}`, kind: 'step', title: text.kind === 'republish' ? text.detail : 'console', name: '', note: text.kind === 'republish' ? 'republish' : 'a line in the log', href: `/rules/${encodeURIComponent(rule)}` }), off);
      }
    });
  }
  const out = { nodes: [...nodes.values()], edges: [...edges.values()] };
  place(out.nodes, out.edges);
  return out;
}

const ROUNDS = 4;

// Gives x and y.
export function place(nodes: FlowNode[], edges: FlowEdge[]): void {
  interface Place {
    id: string;
    title: string;
    node?: FlowNode; // none: a line passes
  }
  const columns: Place[][] = Array.from({ length: COLUMNS }, () => []);
  const where = new Map(nodes.map((node) => [node.id, column[node.kind]]));
  for (const node of nodes) columns[column[node.kind]]!.push({ id: node.id, title: node.title, node });
  const beside = new Map<string, string[]>();
  const join = (a: string, b: string) => {
    beside.set(a, [...(beside.get(a) ?? []), b]);
    beside.set(b, [...(beside.get(b) ?? []), a]);
  };
  for (const edge of edges) {
    let before = edge.source;
    for (let i = (where.get(edge.source) ?? 0) + 1; i < (where.get(edge.target) ?? 0); i++) {
      const id = `${edge.id}@${i}`;
      columns[i]!.push({ id, title: '' });
      join(before, id);
      before = id;
    }
    join(before, edge.target);
  }
  const at = new Map<string, number>();
  const settle = (list: Place[]) => list.forEach((one, i) => at.set(one.id, i - (list.length - 1) / 2));
  columns.forEach(settle);
  const mean = ({ id }: Place) => {
    const places = (beside.get(id) ?? []).map((other) => at.get(other) ?? 0);
    return places.length === 0 ? Infinity : places.reduce((sum, one) => sum + one, 0) / places.length; // nobody's: below
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const list of round % 2 === 0 ? columns : [...columns].reverse()) {
      const means = new Map(list.map((one) => [one.id, mean(one)]));
      list.sort((a, b) => means.get(a.id)! - means.get(b.id)! || a.title.localeCompare(b.title));
      settle(list);
    }
  }
  columns.forEach((list, i) => list.forEach(({ id, node }) => {
    if (!node) return;
    node.x = i * COLUMN_PX;
    node.y = at.get(id)! * ROW_PX;
  }));
}
