/**
 * Follows a plant on the hub's live socket: prints values, states, alarms and jobs, connects again by itself, and
 * resumes where it was. Needs Node 22 or newer and nothing else.
 *
 *   LINESIDE_URL=https://hub.plant.example LINESIDE_KEY=… node live-client.mjs 'acme/hamburg/**'
 *
 * The key is an API key with tags.read, plant.read, alarms.read and jobs.read, or an access token.
 */
const { LINESIDE_URL = 'http://127.0.0.1:8080', LINESIDE_KEY = '' } = process.env;
const paths = process.argv.slice(2);
if (paths.length === 0) paths.push('**');

/** Close codes after which it makes no sense to go on: the same would happen again. */
const FINAL = { 1008: 'the hub does not understand us', 4002: 'too many messages', 4003: 'signed out' };
/** The hub says the time every 5 s: a socket silent for this long is a dead one. Milliseconds. */
const SILENCE_MS = 15_000;

/** Id of the newest event that has been seen. */
let lastEvent;
/** The path of each tag, by the hub's id. */
const tags = new Map();
let attempt = 0;

function connect() {
  const socket = new WebSocket(`${LINESIDE_URL.replace(/^http/, 'ws')}/api/v1/live`, {
    headers: { authorization: `Bearer ${LINESIDE_KEY}` },
  });
  let silence = setTimeout(() => socket.close(), SILENCE_MS);
  socket.onmessage = ({ data }) => {
    clearTimeout(silence);
    silence = setTimeout(() => socket.close(), SILENCE_MS);
    take(JSON.parse(data), socket);
  };
  socket.onerror = () => undefined;
  socket.onclose = ({ code }) => {
    clearTimeout(silence);
    if (FINAL[code]) {
      console.error(`ended: ${FINAL[code]}`);
      process.exit(1);
    }
    // Later and later, and not all clients in the same second.
    const wait = Math.min(15_000, 500 * 2 ** attempt++) * (0.5 + Math.random() / 2);
    console.error(`lost (${code}); again in ${Math.round(wait)} ms`);
    setTimeout(connect, wait);
  };
}

function take(message, socket) {
  switch (message.type) {
    case 'hello':
      attempt = 0;
      // Two subscriptions, so that a right that is missing for one does not cost the other.
      socket.send(JSON.stringify({ type: 'subscribe', id: 'values', kinds: ['values'], paths, maxRate: 1 }));
      socket.send(
        JSON.stringify({
          type: 'subscribe',
          id: 'events',
          kinds: ['states', 'alarms', 'jobs'],
          paths,
          after: lastEvent,
        }),
      );
      break;
    case 'subscribed':
      if (message.id === 'events' && lastEvent !== undefined && !message.resumed) {
        console.error('away for too long: what follows is the present, not what was missed');
      }
      // From here on, nothing before this id will come.
      if (message.id === 'events' && !message.resumed) lastEvent = message.event;
      break;
    case 'tags':
      for (const { tag, path, unit } of message.tags) tags.set(tag, { path, unit });
      break;
    case 'snapshot':
      for (const { path, state } of message.machines ?? []) say('state', path, state.name);
      for (const { machine, message: words, state } of message.alarms ?? []) say('alarm', machine, words, state);
      break;
    case 'values':
      for (const [tag, at, value, quality] of message.values) {
        const { path = `tag ${tag}`, unit = '' } = tags.get(tag) ?? {};
        say('value', path, value, unit, quality === 0 ? 'Good' : `quality ${quality}`, new Date(at).toISOString());
      }
      break;
    case 'state':
      lastEvent = message.event;
      say('state', message.path, message.state.name);
      break;
    case 'alarm':
      lastEvent = message.event;
      say('alarm', message.alarm.machine, message.alarm.message, message.alarm.state);
      break;
    case 'job':
      lastEvent = message.event;
      say('job', message.job.title, message.job.state, message.job.detail);
      break;
    case 'error':
      console.error(`subscription ${message.id} refused: ${message.code}, ${message.detail}`);
      break;
  }
}

function say(...words) {
  process.stdout.write(`${words.filter((word) => word !== '').join('\t')}\n`);
}

connect();
