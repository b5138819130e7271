import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadHubConfig } from '../../../hub/config/load-config.ts';
import { tempDir } from '../../services/temp-dir.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - id: site
    name: Site
    timeZone: UTC
    shifts: [{ name: Day, from: "06:00", to: "18:00" }]
`;
const SOUND = `plant: plant.yaml
gateways:
  - id: line-1
    passwordFile: line-1.secret
  - id: line-2
    passwordFile: line-2.secret
`;

async function write(hub: string, plant = PLANT): Promise<string> {
  const dir = await tempDir();
  await writeFile(join(dir, 'plant.yaml'), plant);
  await writeFile(join(dir, 'hub.yaml'), hub);
  return join(dir, 'hub.yaml');
}

function hub(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['hub/main.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return { status, stdout, lines: stderr.trim().split('\n') };
}

describe('the hub’s configuration', () => {
  test('has defaults that serve this machine only', async () => {
    const file = await write(SOUND);
    const config = loadHubConfig(file);
    expect(config).toMatchObject({
      http: { host: '127.0.0.1', port: 8080 },
      mqtt: { host: '127.0.0.1', port: 1883 },
      timeSeries: { memoryLimit: '512MB' },
      log: { level: 'info' },
    });
    expect(config.resolvePath('line-1.secret')).toBe(join(file, '../line-1.secret'));
  });

  test.each<[mistake: string, change: [string, string], want: string]>([
    ['an unknown key', ['plant:', 'htpp: { port: 1 }\nplant:'], ':1: unknown key "htpp"; did you mean "http"?'],
    ['no plant', ['plant: plant.yaml\n', ''], ':1: "plant" is missing; add it'],
    ['a port that is none', ['plant:', 'mqtt: { port: 70000 }\nplant:'], ':1: "port" is 70000, but must be <= 65535'],
    [
      'a certificate for a broker without TLS',
      ['plant:', 'mqtt: { broker: { url: "mqtt://broker:1883", tls: { caFile: a.pem } } }\nplant:'],
      ':1: tls goes with an address in TLS: write mqtts:// in url, or remove tls',
    ],
    [
      'half of a client certificate',
      ['plant:', 'mqtt: { broker: { url: "mqtts://broker:8883", tls: { keyFile: a.key } } }\nplant:'],
      ':1: a client certificate needs both files: add certFile or remove keyFile',
    ],
    [
      'TLS of the embedded broker beside another one',
      ['plant:', 'mqtt: { tls: { certFile: a.pem, keyFile: a.key }, broker: { url: "mqtt://b:1" } }\nplant:'],
      ':1: tls is that of the embedded broker, which broker replaces: remove one of them',
    ],
    [
      'an account of a site that is none',
      [
        'plant:',
        'uns: { enabled: true }\nmqtt: { accounts: [{ name: scada, passwordFile: s, sites: [sit] }] }\nplant:',
      ],
      ':2: account "scada": the plant has no site "sit"; it has site',
    ],
    [
      'an account by the name of a gateway',
      ['plant:', 'uns: { enabled: true }\nmqtt: { accounts: [{ name: line-1, passwordFile: s }] }\nplant:'],
      ':2: account "line-1": "line-1" is a gateway; give it another name',
    ],
    [
      'an account for nothing',
      ['plant:', 'mqtt: { accounts: [{ name: scada, passwordFile: s }] }\nplant:'],
      ':1: they would hear nothing here: set uns.enabled, and leave out uns.broker',
    ],
    [
      'an account that sets tags at a broker that is not ours',
      [
        'plant:',
        'uns: { enabled: true }\nmqtt: { broker: { url: "mqtt://b:1" }, accounts: [{ name: a, passwordFile: s, write: true }] }\nplant:',
      ],
      ':2: account "a": tags are set at the embedded broker or through the API: with mqtt.broker, remove write',
    ],
    [
      'a gateway that goes by the hub’s own name at the broker',
      ['plant:', 'mqtt: { broker: { url: "mqtt://b:1", username: line-1 } }\nplant:'],
      ': "line-1" is the hub\'s own name at the broker: give the gateway or mqtt.broker.username another',
    ],
    [
      'a certificate of the broker without its key',
      ['plant:', 'mqtt: { tls: { certFile: hub.pem } }\nplant:'],
      ':1: a certificate and its key go together: add keyFile, or remove certFile and the hub issues one',
    ],
    [
      'names for a certificate that is there',
      ['plant:', 'mqtt: { tls: { certFile: a, keyFile: b, names: [hub] } }\nplant:'],
      ':1: names are for a certificate that the hub issues: remove them, or certFile and keyFile',
    ],
    [
      'TLS on the port that is taken',
      ['plant:', 'mqtt: { port: 1883, tls: { port: 1883 } }\nplant:'],
      ':1: port 1883 is mqtt.port already: give TLS another, or remove it and mqtt.port speaks TLS',
    ],
    [
      'a gateway without any way in',
      ['    passwordFile: line-2.secret\n', ''],
      ': gateway "line-2" could not come in: add its passwordFile, or mqtt.tls and enrol it',
    ],
    [
      'a token for InfluxDB beside a user',
      [
        'plant:',
        'timeSeries: { influx: { url: "http://i:8086", tokenFile: t, username: u, passwordFile: p } }\nplant:',
      ],
      ':1: a token stands for user and password: remove those',
    ],
    [
      'a password of InfluxDB in its address',
      ['plant:', 'timeSeries: { influx: { url: "http://u:p@i:8086" } }\nplant:'],
      ':1: "url" is "http://…@i:8086", which does not fit',
    ],
    [
      'a prefix that UMH does not know',
      ['plant:', 'uns: { enabled: true, style: umh, prefix: plant }\nplant:'],
      ':1: with style: umh all topics begin with umh/v1: remove prefix',
    ],
    [
      'a Sparkplug host that nobody may come to',
      ['plant:', 'sparkplug: { hostId: hub }\nplant:'],
      ':1: nobody may come to the embedded broker: name the edge nodes, or set broker',
    ],
    [
      'Sparkplug accounts at a broker that is not ours',
      [
        'plant:',
        'sparkplug: { hostId: hub, broker: { url: "mqtt://b:1" }, nodes: [{ name: e, group: g, passwordFile: e }] }\nplant:',
      ],
      ':1: accounts are those of sparkplug.broker: remove them',
    ],
    [
      'a Sparkplug node by a name that is taken',
      ['plant:', 'sparkplug: { hostId: hub, nodes: [{ name: line-1, group: g, passwordFile: e }] }\nplant:'],
      ': the name "line-1" is taken; give it another',
    ],
    [
      'two accounts of one Sparkplug node',
      [
        'plant:',
        'sparkplug: { hostId: hub, nodes: [{ name: a, group: g, passwordFile: e }, { name: b, node: a, group: g, passwordFile: e }] }\nplant:',
      ],
      ': the node g/a is there already; remove one',
    ],
    [
      'a Sparkplug node of a group that is not taken',
      [
        'plant:',
        'sparkplug: { hostId: hub, groups: [north], nodes: [{ name: a, group: g, passwordFile: e }] }\nplant:',
      ],
      ': "g" is none of the groups that are taken; add it to groups',
    ],
    ['a port in words', ['plant:', 'http: { port: web }\nplant:'], ':1: "port" is "web", but must be an integer'],
    [
      'a gateway twice',
      ['id: line-2', 'id: line-1'],
      ':5: gateway "line-1": gateway "line-1" is in line 3 already; remove one',
    ],
    [
      'an id that topics cannot hold',
      ['id: line-2', 'id: line/2'],
      ':5: gateway "line/2": "id" is "line/2", which does not',
    ],
    [
      'a level that is none',
      ['plant:', 'log: { level: loud }\nplant:'],
      ':1: "level" is "loud", but must be one of fatal,',
    ],
    [
      'an environment variable that is not set',
      ['line-1.secret', '$' + '{LINESIDE_NOT_SET_ANYWHERE}'],
      ':4: the environment variable LINESIDE_NOT_SET_ANYWHERE is not set',
    ],
    ['a plant that is not there', ['plant.yaml', 'none.yaml'], 'none.yaml:1: '],
  ])('%s', async (_mistake, [from, to], want) => {
    const file = await write(SOUND.replace(from, to));
    expect(() => loadHubConfig(file)).toThrow(want);
  });
});

describe('the hub’s program', () => {
  test('check passes a sound configuration, though its secrets are not there yet', async () => {
    const file = await write(SOUND);
    expect(hub('check', '--config', file)).toMatchObject({
      status: 0,
      stdout: `${file}: sound; 2 gateways, 0 machines\n`,
    });
  });

  test('check names every mistake of hub and plant with file and line, and exits 1', async () => {
    const file = await write(
      SOUND,
      PLANT.replace('UTC', 'Mars/Olympus').replace('Site\n', 'Site\n    colour: red\n'),
    );
    const wrong = hub('check', '--config', file);
    expect(wrong.status).toBe(1);
    expect(wrong.stdout).toBe('');
    expect(wrong.lines).toEqual([
      expect.stringMatching(/plant\.yaml:5: site "site": unknown key "colour"; known keys: id, name, timeZone/),
      '1 problem found',
    ]);
  });

  test('run without a gateway’s secret names gateway and file, and exits 1 having made nothing', async () => {
    const file = await write(`${SOUND}dataDir: data\n`);
    const { status, stdout } = hub('run', '--config', file);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /"code":"SECRET_UNREADABLE".*gateway \\"line-1\\", passwordFile: cannot read the secret in .*line-1\.secret/,
    );
  });

  test.each([
    ['an unknown option', ['check', '--confg', 'x'], /Unknown option '--confg'/],
    ['no configuration', ['run'], /^usage: hub run /],
  ])('%s shows the usage and exits 2', (_what, args, want) => {
    const { status, lines } = hub(...args);
    expect(status).toBe(2);
    expect(lines[0]).toMatch(want);
    expect(lines.join('\n')).toContain('--config FILE');
  });
});
