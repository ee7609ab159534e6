// The address bar and the page: paths with parameters, no framework.
//
//   route.path, route.params.name, route.query.get('x')      what is shown; reactive
//   go('/clients/a%2Fb')                                     shows another page
//   setQuery({ page: 2 })                                    replaces the query: a filter that survives a reload
//   <a href="/clients">                                      links are plain links; onLink() takes the click

export interface Match {
  params: Record<string, string>;
}

// '/stations/{name}/messages' against '/stations/a%2Fb/messages'. Null: another path.
export function matchPath(pattern: string, path: string): Match | null {
  const wanted = pattern.split('/');
  const given = path.replace(/\/+$/, '').split('/');
  if (wanted[wanted.length - 1] === '') wanted.pop();
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (let i = 0; i < wanted.length; i++) {
    const name = /^\{(\w+)\}$/.exec(wanted[i]!)?.[1];
    if (name === undefined) {
      if (wanted[i] !== given[i]) return null;
      continue;
    }
    try {
      params[name] = decodeURIComponent(given[i]!);
    } catch {
      return null;
    }
    if (params[name] === '') return null;
  }
  return { params };
}

class Route {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  params = $state.raw<Record<string, string>>({});

  read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }
}

export const route = new Route();

// What asks before a page with unsaved changes is left: returns false to stay.
let guard: (() => boolean) | null = null;
export function setGuard(ask: (() => boolean) | null): void {
  guard = ask;
}

export function go(to: string, options: { replace?: boolean } = {}): void {
  if (guard && !guard()) return;
  guard = null;
  if (options.replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  route.read();
  window.scrollTo(0, 0);
}

export function setQuery(values: Record<string, string | number | undefined>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === '') query.delete(name);
    else query.set(name, String(value));
  }
  const text = query.toString();
  history.replaceState(null, '', location.pathname + (text === '' ? '' : `?${text}`));
  route.query = query;
}

window.addEventListener('popstate', () => route.read());

// For the document: follows links within the dashboard, leaves the others to the browser.
export function onLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname.startsWith('/api/') || link.getAttribute('href')?.startsWith('#')) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

// href('/clients/{clientid}', { clientid })
export function href(pattern: string, params: Record<string, string>): string {
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}
