/** Begins. */

import { render } from 'preact';
import './styles/base.css';
import './styles/entry.css';
import './styles/list.css';
import './styles/chat.css';
import './styles/dialogs.css';
import { clock } from './lib/time.js';
import { start } from './state/session.js';
import { locale } from './state/settings.js';
import { App } from './ui/app.js';

const root = document.querySelector('#app');
if (root) render(<App />, root);
// The first time that is written takes long, for the browser reads how. That is not to be while a list is drawn.
requestAnimationFrame(() => setTimeout(() => clock(Date.now(), locale.peek())));
await start();
