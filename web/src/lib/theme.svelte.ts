// Light, dark, or as the system has it. The document's data-theme says which, for the style sheets.

const KEY = 'varve.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

export type Choice = 'system' | 'light' | 'dark';

class Theme {
  choice = $state<Choice>((localStorage.getItem(KEY) as Choice | null) ?? 'system');
  system_dark = $state(system.matches);

  get dark(): boolean {
    return this.choice === 'dark' || (this.choice === 'system' && this.system_dark);
  }

  apply(): void {
    document.documentElement.dataset.theme = this.dark ? 'dark' : 'light';
  }

  choose(choice: Choice): void {
    this.choice = choice;
    if (choice === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
    this.apply();
  }
}

export const theme = new Theme();
theme.apply();
system.addEventListener('change', () => {
  theme.system_dark = system.matches;
  theme.apply();
});
