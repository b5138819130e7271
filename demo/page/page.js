/** The demo plant's page: polls the state, shows it, and throws the switches. */

const POLL_MS = 1000;
const SPEEDS = [1, 5, 20, 60];
/** By PackML state number; every other state is a passing one. */
const TONES = { 6: 'good', 2: 'bad', 7: 'bad', 9: 'bad', 11: 'bad' };
/** Shown in the head of the card already. */
const IN_HEAD = new Set(['StateCurrent', 'state']);

const link = document.getElementById('link');
const problem = document.getElementById('problem');
const machines = document.getElementById('machines');
const cards = new Map();
const speedButtons = new Map();

function element(tag, className, text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** Touches the page only where something changed, so that focus and selections survive. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showProblem(text) {
  problem.hidden = text === '';
  setText(problem, text);
}

async function send(path, body) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    showProblem(response.ok ? '' : answer.error);
  } catch {
    showProblem('The plant did not answer. Is it still running?');
  }
  await refresh();
}

function faultRow(machine, fault) {
  const row = element('li');
  const title = element('h3', '', fault.title);
  title.id = `${machine.name}-${fault.name}`;
  const button = element('button', fault.once ? 'once' : 'switch', fault.once ? 'Reset' : '');
  button.type = 'button';
  button.setAttribute('aria-labelledby', title.id);
  if (!fault.once) button.setAttribute('role', 'switch');
  button.dataset.machine = machine.name;
  button.dataset.fault = fault.name;
  button.addEventListener('click', async () => {
    const active = fault.once || button.getAttribute('aria-checked') !== 'true';
    button.disabled = true;
    await send('api/faults', { machine: machine.name, fault: fault.name, active });
    button.disabled = false;
  });
  const expectation = element('p');
  expectation.append(element('strong', '', 'In Lineside: '), fault.expect);
  row.append(title, button, element('p', '', fault.does), expectation);
  return { row, button };
}

function buildCard(machine) {
  const card = element('section', 'machine');
  card.setAttribute('aria-label', machine.title);
  const head = element('div', 'head');
  const names = element('div');
  names.append(element('h2', '', machine.title), element('p', '', `${machine.protocol} · ${machine.address}`));
  const state = element('span', 'state');
  head.append(names, state);

  const list = element('dl', 'values');
  const values = new Map();
  for (const value of machine.values) {
    if (IN_HEAD.has(value.name)) continue;
    const cell = element('div');
    const number = element('span');
    const shown = element('dd');
    shown.append(number, element('small', '', value.unit ? ` ${value.unit}` : ''));
    cell.title = value.description;
    cell.append(element('dt', '', wordsOf(value.name)), shown);
    list.append(cell);
    values.set(value.name, number);
  }

  const faults = new Map();
  const switches = element('ul', 'faults');
  for (const fault of machine.faults) {
    const made = faultRow(machine, fault);
    faults.set(fault.name, made);
    switches.append(made.row);
  }
  card.append(head, list, switches);
  machines.append(card);
  return { state, values, faults };
}

/** `barrelTemperatureZone1` reads as "barrel temperature zone 1". */
function wordsOf(name) {
  const words = name.replace(/([a-z])([A-Z0-9])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function format(value) {
  if (value.name.endsWith('Word')) return value.value.toString(2).padStart(5, '0');
  const digits = value.name.endsWith('Count') || value.name.endsWith('Volume') || value.name.endsWith('Row') ? 0 : 1;
  return value.value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function showMachine(machine) {
  if (!cards.has(machine.name)) cards.set(machine.name, buildCard(machine));
  const card = cards.get(machine.name);
  setText(card.state, machine.state.name);
  card.state.dataset.tone = TONES[machine.state.code] ?? 'wait';
  for (const value of machine.values) {
    const shown = card.values.get(value.name);
    if (shown) setText(shown, format(value));
  }
  for (const fault of machine.faults) {
    const { row, button } = card.faults.get(fault.name);
    row.dataset.active = String(fault.active);
    if (!fault.once) button.setAttribute('aria-checked', String(fault.active));
  }
}

function buildSpeeds() {
  for (const speed of SPEEDS) {
    const button = element('button', '', `${speed}×`);
    button.type = 'button';
    button.addEventListener('click', () => send('api/speed', { speed }));
    document.getElementById('speed').append(button);
    speedButtons.set(speed, button);
  }
}

async function refresh() {
  try {
    const response = await fetch('api/state', { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const state = await response.json();
    for (const machine of state.machines) showMachine(machine);
    for (const [speed, button] of speedButtons) button.setAttribute('aria-pressed', String(speed === state.speed));
    setText(link, SPEEDS.includes(state.speed) ? 'Live' : `Live, plant time ${state.speed}×`);
    link.dataset.kind = 'live';
  } catch {
    setText(link, 'No answer from the plant');
    link.dataset.kind = 'lost';
  }
}

async function keepRefreshing() {
  await refresh();
  setTimeout(keepRefreshing, POLL_MS);
}

buildSpeeds();
keepRefreshing();
