/** What an InfluxDB 2.x needs before a hub can come in, by its own API: an owner, a bucket, a token for that bucket alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const OWNER_TOKEN = 'token-of-the-owner';

export class InfluxBuckets {
  readonly #url: string;
  readonly #dir: string;
  readonly #made = new Map<string, string>();
  #org = '';

  /** @param dir where tokens are kept, for those who come in by them */
  constructor(url: string, dir: string) {
    this.#url = url;
    this.#dir = dir;
  }

  /** The Authorization header of somebody who may do everything. */
  get owner(): string {
    return `Token ${OWNER_TOKEN}`;
  }

  /** To be called once, on a new server. */
  async setUp(): Promise<void> {
    const owner = { username: 'admin', password: 'password of the owner', token: OWNER_TOKEN };
    const { org } = (await this.#ask('POST', '/setup', { ...owner, org: 'acme', bucket: 'first' })) as {
      org: { id: string };
    };
    this.#org = org.id;
  }

  /** Makes a bucket, once. @returns the file with a token that may read and write it, and nothing else */
  async make(name: string): Promise<string> {
    const made = this.#made.get(name);
    if (made) return made;
    const { id } = (await this.#ask('POST', '/buckets', { orgID: this.#org, name, retentionRules: [] })) as {
      id: string;
    };
    const file = await this.token(name, id, ['read', 'write']);
    this.#made.set(name, file);
    return file;
  }

  /** Has a bucket answer to a name of its own on the paths of 1.x. */
  async map(database: string, bucket: string): Promise<void> {
    const mapping = { orgID: this.#org, bucketID: await this.idOf(bucket), database };
    await this.#ask('POST', '/dbrps', { ...mapping, retention_policy: 'autogen', default: true });
  }

  /** @returns the file with a token that may do no more than `actions` with a bucket */
  async token(name: string, id: string, actions: ('read' | 'write')[]): Promise<string> {
    const resource = { type: 'buckets', id, orgID: this.#org };
    const permissions = actions.map((action) => ({ action, resource }));
    const { token } = (await this.#ask('POST', '/authorizations', { orgID: this.#org, permissions })) as {
      token: string;
    };
    const file = join(this.#dir, `token-${name}-${actions.join('-')}`);
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    return file;
  }

  async keepOnly(name: string, hours: number): Promise<void> {
    const retentionRules = [{ type: 'expire', everySeconds: hours * 3_600, shardGroupDurationSeconds: 3_600 }];
    await this.#ask('PATCH', `/buckets/${await this.idOf(name)}`, { retentionRules });
  }

  async idOf(name: string): Promise<string> {
    const { buckets } = (await this.#ask('GET', `/buckets?name=${encodeURIComponent(name)}`)) as {
      buckets: { id: string }[];
    };
    return buckets[0]!.id;
  }

  async remove(name: string): Promise<void> {
    this.#made.delete(name);
    await this.#ask('DELETE', `/buckets/${await this.idOf(name)}`);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${this.#url}/api/v2${path}`, {
      method,
      headers: { authorization: this.owner, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`InfluxDB answers ${method} ${path} with ${answer.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
