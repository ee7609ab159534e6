// Short notes at the edge of the window: toast('Client kicked out'), toast(messageOf(error), 'bad').

export type ToastKind = 'ok' | 'bad' | 'info';
export interface Toast {
  id: number;
  text: string;
  kind: ToastKind;
}

const STAYS_MS = 5000;
const MOST = 5;

export const toasts = $state<Toast[]>([]);
let next = 1;

export function toast(text: string, kind: ToastKind = 'ok'): void {
  const id = next++;
  toasts.push({ id, text, kind });
  if (toasts.length > MOST) toasts.shift();
  // What has failed stays until it is closed: it may be long.
  if (kind !== 'bad') setTimeout(() => dismiss(id), STAYS_MS);
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((one) => one.id === id);
  if (at >= 0) toasts.splice(at, 1);
}
