import { mount } from 'svelte';

import './styles/tokens.css';
import './styles/base.css';
import './lib/theme.svelte';
import App from './App.svelte';
import { session } from './api/session.svelte';

void session.resume();
mount(App, { target: document.getElementById('app')! });
