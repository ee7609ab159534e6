// Who is signed in.
//
// The browser keeps the session's cookie, which no script can read. The page keeps its own half, which is worth nothing without the cookie,
// in localStorage of this origin: a reload or another tab goes on without a new sign-in. docs/security.md tells the rest.

import { api, ApiError, hooks } from './client';

const KEY = 'varve.session';

export interface User {
  username: string;
  role: 'administrator' | 'viewer';
  version: string;
  initial_password: boolean;
}

class Session {
  user = $state<User | null>(null);
  // False until the first answer: nothing is shown before.
  known = $state(false);
  // Why the sign-in page is shown, if it is not the first time.
  notice = $state('');

  get administrator(): boolean {
    return this.user?.role === 'administrator';
  }

  // At the start of the page: is there a session already?
  async resume(): Promise<void> {
    try {
      if (localStorage.getItem(KEY) !== null) {
        const answer = await api.get('/api/v5/session');
        this.user = {
          username: answer.username ?? '',
          role: answer.role === 'administrator' ? 'administrator' : 'viewer',
          version: answer.version,
          initial_password: answer.initial_password ?? false,
        };
      }
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) this.notice = (error as Error).message;
    } finally {
      this.known = true;
    }
  }

  async signIn(username: string, password: string): Promise<void> {
    const answer = await api.post('/api/v5/login', { body: { username, password, session: true } });
    localStorage.setItem(KEY, answer.session ?? '');
    this.notice = '';
    this.user = {
      username: answer.username,
      role: answer.role,
      version: answer.version,
      initial_password: answer.initial_password ?? false,
    };
  }

  async signOut(): Promise<void> {
    try {
      await api.post('/api/v5/logout');
    } finally {
      this.forget('');
    }
  }

  async changePassword(old_pwd: string, new_pwd: string): Promise<void> {
    const username = this.user?.username ?? '';
    await api.post('/api/v5/users/{username}/change_pwd', { path: { username }, body: { old_pwd, new_pwd } });
    if (this.user) this.user.initial_password = false;
  }

  forget(notice: string): void {
    localStorage.removeItem(KEY);
    if (this.user) this.notice = notice;
    this.user = null;
  }
}

export const session = new Session();

hooks.headers = (): Record<string, string> => {
  const key = localStorage.getItem(KEY);
  return key === null ? {} : { 'X-Varve-Session': key };
};
hooks.unauthorized = () => session.forget('Your session has ended. Sign in again.');
