// Forms over the API's objects (connectors, actions), described by a list of settings instead of written out.
//
//   const values = $state(toValues(settings, object));        what the inputs hold, by path: '' and the like where nothing is set
//   <SettingsFields {settings} bind:values errors={…} />
//   toBody(settings, values, object)                          what POST takes, or PUT: only what has changed, null where it was emptied
//
// A setting that `when` hides is not sent. A secret never comes from the API: it shows `******`, which keeps it.

export const KEPT = '******';

export type Values = Record<string, unknown>;
export type Pair = [name: string, value: string];

export interface Setting {
  path: string; // 'transport_options.ssl.verify'
  label: string;
  help: string;
  kind?: 'text' | 'secret' | 'number' | 'switch' | 'select' | 'area' | 'pairs' | 'list';
  options?: [value: string, label: string][];
  placeholder?: string; // the default, where it is nothing but that
  mono?: boolean;
  advanced?: boolean;
  wide?: boolean;
  required?: boolean;
  initial?: unknown; // of a new object
  suggest?: string[];
  when?: (values: Values) => boolean;
}

type Json = Record<string, unknown>;

export function getPath(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (at && typeof at === 'object' ? (at as Json)[key] : undefined), object);
}

export function setPath(object: Json, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  let at = object;
  for (const key of keys) at = (at[key] ??= {}) as Json;
  at[last] = value;
}

function blank(setting: Setting): unknown {
  return setting.kind === 'switch' ? false : setting.kind === 'pairs' ? [] : '';
}

// What an input shows of a value of the API.
function shown(setting: Setting, value: unknown): unknown {
  if (value === undefined || value === null) return blank(setting);
  switch (setting.kind) {
    case 'switch': return value === true;
    case 'pairs': return Object.entries(value as Record<string, string>).map(([name, text]) => [name, text] as Pair);
    case 'list': return (value as string[]).join(', ');
    default: return String(value);
  }
}

// object undefined: a new one, with what the settings have as initial.
export function toValues(settings: Setting[], object?: unknown): Values {
  const values: Values = {};
  for (const setting of settings) {
    const value = object === undefined ? setting.initial : getPath(object, setting.path);
    values[setting.path] = shown(setting, value);
  }
  return values;
}

// What the API gets for what an input holds. undefined: nothing is set.
function told(setting: Setting, value: unknown): unknown {
  switch (setting.kind) {
    case 'switch': return value === true;
    case 'pairs': {
      const pairs = (value as Pair[]).filter(([name]) => name.trim() !== '');
      return pairs.length === 0 ? undefined : Object.fromEntries(pairs.map(([name, text]) => [name.trim(), text]));
    }
    case 'list': {
      const words = String(value).split(/[\s,]+/).filter(Boolean);
      return words.length === 0 ? undefined : words;
    }
    case 'number': return String(value).trim() === '' ? undefined : Number(value);
    case 'area': return value === '' ? undefined : value;
    default: return String(value).trim() === '' ? undefined : String(value).trim();
  }
}

export function isShown(setting: Setting, values: Values): boolean {
  return setting.when?.(values) ?? true;
}

export function toBody(settings: Setting[], values: Values, object?: unknown): Json {
  const body: Json = {};
  const first = toValues(settings, object ?? {});
  for (const setting of settings) {
    if (!isShown(setting, values)) continue;
    const value = told(setting, values[setting.path]);
    if (object === undefined) {
      // A new object: what is not set is the default's.
      if (value !== undefined) setPath(body, setting.path, value);
      continue;
    }
    const same = JSON.stringify(value) === JSON.stringify(told(setting, first[setting.path]));
    if (!same) setPath(body, setting.path, value ?? null);
  }
  return body;
}

// The settings that are required and empty, with what stands beneath them.
export function missing(settings: Setting[], values: Values): Record<string, string> {
  const out: Record<string, string> = {};
  for (const setting of settings) {
    if (setting.required && isShown(setting, values) && told(setting, values[setting.path]) === undefined) {
      out[setting.path] = `${setting.label} is needed.`;
    }
  }
  return out;
}

// Which setting an error of the API is about: it begins with the key, as "parameters.key: …" or "key: …".
export function settingOf(settings: Setting[], message: string): Setting | undefined {
  const key = /^(?:connector|action)?\s*"?([a-z_][a-z0-9_.]*)"?: /.exec(message)?.[1];
  if (!key) return undefined;
  return (
    settings.find((one) => one.path === key) ??
    settings.find((one) => one.path.endsWith(`.${key}`) || key.startsWith(`${one.path}.`))
  );
}
