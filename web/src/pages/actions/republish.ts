// The arguments of a republish, of a rule or of a fallback: docs/rules.md.
//
//   const one = $state(republishOf(args));      what RepublishFields shows; args undefined: a new one
//   republishArgs(one)                          what the API takes
import { missing, toBody, toValues, type Setting, type Values } from '../../lib/settings';

export const republish_settings: Setting[] = [
  { path: 'topic', label: 'Topic', help: 'Of the new message.', mono: true, wide: true, required: true, placeholder: 'alarm/${clientid}' },
  { path: 'payload', label: 'Payload', help: 'Empty: all that was selected, as JSON. ${payload} is the message as it came.', kind: 'area', mono: true, initial: '${payload}' },
  { path: 'qos', label: 'QoS', help: '0, 1, 2, or a template.', mono: true, placeholder: '${qos}' },
  { path: 'retain', label: 'Retain', help: 'true, false, or a template.', mono: true, placeholder: '${flags.retain}' },
  { path: 'user_properties', label: 'User properties', help: 'A template that gives an object.', mono: true, placeholder: "${pub_props.'User-Property'}", advanced: true },
  { path: 'mqtt_properties', label: 'MQTT properties', help: 'Payload-Format-Indicator, Message-Expiry-Interval, Content-Type, Response-Topic, Correlation-Data.', kind: 'pairs', advanced: true },
];

export interface Republish {
  values: Values;
  others: Record<string, unknown>; // arguments that the form does not have: they stay
}

export function republishOf(args?: Record<string, unknown>): Republish {
  const others = Object.entries(args ?? {}).filter(([key]) => !republish_settings.some((one) => one.path === key));
  // Without a payload it is the message's own.
  return { values: toValues(republish_settings, args && { payload: '${payload}', ...args }), others: Object.fromEntries(others) };
}

// An empty payload means something: all that was selected. Numbers and truth values are told as such.
export function republishArgs({ values, others }: Republish): Record<string, unknown> {
  const args: Record<string, unknown> = { ...others, ...toBody(republish_settings, values), payload: String(values.payload ?? '') };
  if (/^[012]$/.test(String(args.qos))) args.qos = Number(args.qos);
  if (/^(true|false)$/.test(String(args.retain))) args.retain = args.retain === 'true';
  return args;
}

export function isWhole({ values }: Republish): boolean {
  return Object.keys(missing(republish_settings, values)).length === 0;
}
