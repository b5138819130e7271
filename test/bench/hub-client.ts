/** A signed-in user of the hub, as a browser is one. */
import type { GatewayView, TagView } from '@lineside/shared/contracts/api.ts';
import type { LiveMessage } from '@lineside/shared/contracts/live.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { WebSocket } from 'ws';

export class HubClient {
  readonly #url: string;
  #cookie = '';
  #socket: WebSocket | undefined;
  /** How old each received value was, milliseconds from its source time; both ends are on this machine's clock. */
  ages: number[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async signIn(name: string, password: string): Promise<void> {
    const response = await fetch(`${this.#url}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, password }),
    });
    if (!response.ok) throw new Error(`the hub refuses to sign in: ${await response.text()}`);
    this.#cookie = response.headers.getSetCookie()[0]!.split(';')[0]!;
  }

  async tagsOf(machine: string): Promise<TagView[]> {
    const path = `tags?machine=${encodeURIComponent(machine)}&limit=1000`;
    return (await this.#get<Page<TagView>>(path)).items;
  }

  async gateway(id: string): Promise<GatewayView> {
    return this.#get<GatewayView>(`gateways/${encodeURIComponent(id)}`);
  }

  /** Watches tags on the live socket and notes the age of every value that comes. */
  async watch(tags: number[], maxRate: number): Promise<void> {
    const socket = new WebSocket(`${this.#url.replace('http', 'ws')}/api/v1/live`, {
      headers: { cookie: this.#cookie },
    });
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.on('message', (data) => {
      const now = Date.now();
      const message = JSON.parse(String(data)) as LiveMessage;
      if (message.type === 'values') for (const [, at] of message.values) this.ages.push(now - at);
    });
    socket.send(JSON.stringify({ type: 'subscribe', id: 'watched', kinds: ['values'], tags, maxRate }));
  }

  /** Idempotent. */
  close(): void {
    this.#socket?.terminate();
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`, { headers: { cookie: this.#cookie } });
    if (!response.ok) throw new Error(`the hub answers ${path} with ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }
}
