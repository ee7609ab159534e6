// What a rule does with its results: ids of actions, and functions.

export type Step = string | { function?: string; args?: Record<string, unknown> };

export interface StepText {
  kind: 'store' | 'republish' | 'station' | 'console' | 'other';
  title: string;
  detail: string;
}

export function describeStep(step: Step): StepText {
  if (typeof step === 'string') return { kind: 'store', title: step, detail: 'An object in a store' };
  switch (step.function) {
    case 'republish': return { kind: 'republish', title: 'Republish', detail: String(step.args?.topic ?? '') };
    case 'station': return { kind: 'station', title: 'Station', detail: String(step.args?.station ?? '') };
    case 'console': return { kind: 'console', title: 'Console', detail: 'A line in the log' };
    default: return { kind: 'other', title: step.function ?? '?', detail: '' };
  }
}
