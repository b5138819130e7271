/** The local page: asks the gateway once a second and shows what it says. No framework, nothing from outside. */
import { byId, make } from './dom.js';

const PRIORITY = { critical: 'bad', high: 'bad', medium: 'warn', low: 'dim' };
const ALARM_STATE = {
  unacknowledged: 'active, not acknowledged',
  acknowledged: 'active, acknowledged',
  returned: 'over, not acknowledged',
};

let shown = '';
let waiting;

function clock(ms) {
  return new Date(ms).toLocaleTimeString();
}

function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function number(value) {
  if (typeof value !== 'number') return String(value);
  return Number.isInteger(value)
    ? value.toLocaleString()
    : value.toLocaleString(undefined, { maximumFractionDigits: 3 });
}

function alarmRow(alarm, now, devices) {
  const state = make('p', alarm.state === 'unacknowledged' ? 'bad' : 'dim', ALARM_STATE[alarm.state]);
  if (alarm.acknowledgedBy) state.append(` by ${alarm.acknowledgedBy}`);
  // It lives in the device: while that does not answer, nobody knows more.
  const unheard = alarm.inDevice && devices.some(({ device, state }) => device === alarm.device && state !== 'up');
  if (unheard) state.append(', as last heard: the device does not answer');
  const limit = alarm.limit === null ? '' : `, limit ${number(alarm.limit)} ${alarm.unit}`;
  const value = alarm.value === null ? '' : `${number(alarm.value)} ${alarm.unit}${limit}, `;
  const what = make(
    'div',
    'what',
    make('p', PRIORITY[alarm.priority], make('strong', '', alarm.message)),
    make('p', 'dim', `${alarm.priority}, ${alarm.device}, ${value}since ${duration(now - alarm.raisedAt)}`),
    state,
  );
  const row = make('div', 'row', what);
  if (alarm.state !== 'acknowledged') {
    const button = make('button', '', 'Acknowledge');
    button.addEventListener('click', () => ask(alarm));
    row.append(button);
  }
  return row;
}

/** By device. They are filled anew and not made anew: an open one stays open, and a click is not swallowed. */
const healthDetails = new Map();

function healthRow(id, { cycles, cycleMs, jitterMs, errorsByKind, breaker }) {
  const known = healthDetails.get(id);
  const list = known?.querySelector('dl') ?? make('dl', '');
  const errors = Object.entries(errorsByKind).map(([kind, count]) => `${kind} ${number(count)}`);
  const rows = [['Errors by kind', errors.join(', ') || 'none', errors.length > 0 ? 'warn' : 'good']];
  if (cycleMs) {
    rows.unshift(
      ['Polls', number(cycles)],
      [
        'Cycle',
        `last ${number(cycleMs.last)} ms, mean ${number(cycleMs.mean)} ms, longest ${number(cycleMs.max)} ms`,
      ],
    );
  }
  if (jitterMs !== null) rows.push(['Polls begin late by', `${number(jitterMs)} ms on average`]);
  if (breaker) {
    const words = { closed: 'asked as usual', open: 'left alone', halfOpen: 'tried with one request' };
    rows.push(['Breaker', words[breaker], breaker === 'closed' ? 'good' : 'bad']);
  }
  pairs(list, rows);
  const details = known ?? make('details', '', make('summary', '', 'Health'), list);
  healthDetails.set(id, details);
  return details;
}

function deviceRow(device, now) {
  const tone = device.state === 'up' ? 'good' : device.state === 'down' ? 'bad' : 'warn';
  const last = device.lastGoodAt === null ? 'never answered' : `last answer ${duration(now - device.lastGoodAt)} ago`;
  const what = make('div', 'what', make('p', '', make('strong', '', device.device), ` ${device.endpoint}`));
  if (device.reason) what.append(make('p', tone, device.reason));
  const counts = `${last}, ${number(device.requests)} requests, ${number(device.errors)} errors, ${number(device.missed)} missed`;
  what.append(make('p', 'dim', counts));
  if (device.health) what.append(healthRow(device.device, device.health));
  return make(
    'div',
    'row',
    what,
    make('p', tone, make('strong', '', `${device.state} for ${duration(now - device.since)}`)),
  );
}

const RELOAD = {
  applied: ['taken over', 'good'],
  unchanged: ['read, nothing has changed', 'good'],
  refused: ['refused: what ran before goes on', 'bad'],
  rolledBack: ['rolled back: what ran before runs again', 'bad'],
};

/** What came of the last attempt to change the configuration. */
function reloadRows({ at, by, result, problems, changes, needsRestart }, now) {
  const [words, tone] = RELOAD[result];
  const age = `${duration(now - at)} ago, by ${by}`;
  const what = make('div', 'what', make('p', tone, make('strong', '', words)), make('p', 'dim', age));
  for (const [kind, names] of Object.entries(result === 'applied' ? changes : {})) {
    if (names.length > 0) what.append(make('p', 'dim', `${kind}: ${names.join(', ')}`));
  }
  for (const problem of problems) what.append(make('p', 'bad', problem));
  if (needsRestart.length > 0) what.append(make('p', 'warn', `needs a restart: ${needsRestart.join(', ')}`));
  return make('div', 'row', what);
}

function pairs(list, entries) {
  list.replaceChildren(
    ...entries.flatMap(([name, value, tone]) => [make('dt', '', name), make('dd', tone ?? '', value)]),
  );
}

function valuesTable(values, now) {
  const body = values.map((entry) => {
    const good = entry.quality === 0;
    const value = entry.value === null ? '—' : `${number(entry.value)} ${entry.unit}`;
    return make(
      'tr',
      '',
      make('td', '', entry.device),
      make('td', '', entry.name),
      make('td', good ? 'number' : 'number dim old', value),
      make('td', good ? 'dim' : 'bad', entry.sourceAt === null ? 'no value yet' : entry.qualityName),
      make('td', 'dim', entry.sourceAt === null ? '' : `${duration(now - entry.sourceAt)} ago`),
    );
  });
  const head = make('tr', '', ...['Device', 'Tag', 'Value', 'Quality', 'Age'].map((name) => make('th', '', name)));
  return make('table', '', make('thead', '', head), make('tbody', '', ...body));
}

function show(picture) {
  const { status, link, buffer, models, alarms, recent, values } = picture;
  const now = status.at;
  byId('gateway').textContent = status.gateway;
  document.title = `${alarms.length > 0 ? `(${alarms.length}) ` : ''}${status.gateway} – Lineside gateway`;
  const pill = byId('link');
  pill.className = `pill ${link.connected ? 'good' : 'warn'}`;
  pill.textContent = link.connected
    ? `Hub connected since ${clock(link.since)}`
    : `No hub for ${duration(now - link.since)}: ${link.reason}`;
  // Rebuilding under a finger would swallow the click, so the list changes only when it has changed.
  const states = status.devices.map(({ device, state }) => [device, state]);
  const alarmKey = JSON.stringify([alarms, states, Math.floor(now / 10_000)]);
  if (alarmKey !== shown) {
    shown = alarmKey;
    const rows = alarms.map((alarm) => alarmRow(alarm, now, status.devices));
    byId('alarms').replaceChildren(...(rows.length > 0 ? rows : [make('p', 'good', 'No active alarms.')]));
    byId('recent').replaceChildren(
      ...recent.map((event) =>
        make(
          'li',
          '',
          `${new Date(event.at).toLocaleString()}: ${event.message} – ${event.transition}${event.by ? ` by ${event.by}` : ''}`,
        ),
      ),
    );
  }
  byId('devices').replaceChildren(...status.devices.map((device) => deviceRow(device, now)));
  pairs(byId('store'), [
    [
      'Waiting for the hub',
      `${number(status.buffer.pendingSamples)} samples`,
      status.buffer.pendingSamples > 10_000 ? 'warn' : '',
    ],
    ['Kept in all', `${number(buffer.durableSamples)} samples`],
    ['On disk', `${number(Math.round(status.buffer.bytes / 1048576))} MiB`],
    ['Dropped', `${number(buffer.droppedSamples)} samples`, buffer.droppedSamples > 0 ? 'bad' : 'good'],
    ['Damaged places', number(buffer.damagedPlaces), buffer.damagedPlaces > 0 ? 'bad' : 'good'],
    ['Writing', buffer.fault || 'yes', buffer.fault ? 'bad' : 'good'],
    ['Version', status.version],
    ['Running', duration(now - status.startedAt)],
  ]);
  byId('reload-section').hidden = picture.reload === null;
  if (picture.reload) byId('reload').replaceChildren(reloadRows(picture.reload, now));
  byId('models-section').hidden = models.length === 0;
  byId('models').replaceChildren(
    ...models.map((model) =>
      make(
        'div',
        'row',
        make(
          'div',
          'what',
          make('p', '', make('strong', '', model.id)),
          make(
            'p',
            'dim',
            model.reason || `${number(model.inferences)} inferences, ${number(model.meanMicros)} µs each`,
          ),
        ),
        make(
          'p',
          model.state === 'running' ? 'good' : model.state === 'failed' ? 'bad' : 'warn',
          model.lastScore === null ? model.state : `score ${number(model.lastScore)}`,
        ),
      ),
    ),
  );
  byId('values').replaceChildren(valuesTable(values, now));
}

async function refresh() {
  try {
    const response = await fetch('/api/status', { signal: AbortSignal.timeout(3000) });
    if (!response.ok) throw new Error(response.statusText);
    show(await response.json());
    byId('lost').hidden = true;
  } catch {
    byId('lost').hidden = false;
  }
  setTimeout(refresh, 1000);
}

function ask(alarm) {
  waiting = alarm;
  byId('dialog-message').textContent = alarm.message;
  byId('dialog-error').textContent = '';
  byId('dialog').showModal();
}

byId('cancel').addEventListener('click', () => byId('dialog').close());
byId('dialog-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ by: byId('by').value.trim(), comment: byId('comment').value.trim() });
  const url = `/api/alarms/${encodeURIComponent(waiting.id)}/acknowledge`;
  try {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    if (!response.ok) {
      const { message, error } = await response.json();
      throw new Error(message ?? error ?? response.statusText);
    }
    byId('dialog').close();
  } catch (error) {
    byId('dialog-error').textContent = error.message;
  }
});

refresh();
