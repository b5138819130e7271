/** The OPC UA servers on the local page: who waits for trust, and the button that gives it. */
import { byId, make } from './dom.js';

const DAY = 86_400_000;

let shown = '';
let waiting;

function day(ms) {
  return new Date(ms).toLocaleDateString();
}

function details(certificate, now) {
  const valid = now >= certificate.validFrom && now < certificate.validTo;
  return [
    make('p', '', make('strong', '', certificate.subject || 'no name')),
    make('p', 'dim', `thumbprint ${certificate.thumbprint}`),
    make('p', 'dim', `issued by ${certificate.issuer === certificate.subject ? 'itself' : certificate.issuer}`),
    make('p', valid ? 'dim' : 'bad', `valid ${day(certificate.validFrom)} to ${day(certificate.validTo)}`),
    make(
      'p',
      'dim',
      `for ${certificate.hosts.join(', ') || 'no host'}; ${certificate.applicationUri || 'no application'}`,
    ),
  ];
}

function serverRow(certificate, now, mayTrust) {
  const rejected = certificate.state === 'rejected';
  const row = make('div', 'row', make('div', 'what', ...details(certificate, now)));
  if (!rejected) row.append(make('p', 'good', make('strong', '', 'trusted')));
  else if (!mayTrust) row.append(make('p', 'warn', make('strong', '', 'not trusted')));
  else {
    const button = make('button', '', 'Trust …');
    button.addEventListener('click', () => ask(certificate));
    row.append(button);
  }
  return row;
}

function ownRow(own, now) {
  const days = Math.floor((own.validTo - now) / DAY);
  const tone = days < 30 ? 'bad' : 'dim';
  const words =
    days < 0
      ? 'has expired; the next connection makes a new one'
      : days < 30
        ? `expires in ${days} days: run "gateway trust renew", then trust the new one at the servers`
        : `valid for ${days} days`;
  return make(
    'div',
    'row',
    make(
      'div',
      'what',
      make('p', '', make('strong', '', 'This gateway')),
      make('p', 'dim', `thumbprint ${own.thumbprint}; ${own.applicationUri}`),
    ),
    make('p', tone, words),
  );
}

function show({ own, servers, mayTrust, now }) {
  // A gateway without OPC UA has neither.
  byId('certificates-section').hidden = !own && servers.length === 0;
  // Rebuilding under a finger would swallow the click, so the list changes only when it has changed.
  const key = JSON.stringify([
    own,
    servers.map(({ thumbprint, state }) => [thumbprint, state]),
    Math.floor(now / DAY),
  ]);
  if (key === shown) return;
  shown = key;
  const rows = servers.map((certificate) => serverRow(certificate, now, mayTrust));
  if (own) rows.unshift(ownRow(own, now));
  byId('certificates').replaceChildren(...rows);
}

async function refresh() {
  try {
    const response = await fetch('/api/certificates', { signal: AbortSignal.timeout(3000) });
    if (response.ok) show(await response.json());
  } catch {
    // The page itself says when the gateway is lost.
  }
  setTimeout(refresh, 3000);
}

function ask(certificate) {
  waiting = certificate;
  byId('trust-details').replaceChildren(...details(certificate, Date.now()));
  byId('trust-error').textContent = '';
  byId('trust-dialog').showModal();
}

byId('trust-cancel').addEventListener('click', () => byId('trust-dialog').close());
byId('trust-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ by: byId('trust-by').value.trim() });
  const url = `/api/certificates/${waiting.thumbprint}/trust`;
  try {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    if (!response.ok) {
      const { message, error } = await response.json();
      throw new Error(message ?? error ?? response.statusText);
    }
    byId('trust-dialog').close();
    shown = '';
  } catch (error) {
    byId('trust-error').textContent = error.message;
  }
});

refresh();
