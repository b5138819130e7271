/** protoc, Google's own compiler of protobuf, as a reader of what we write. */
import { spawnSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { works } from './outside-tools.ts';

/** The text form of a Sparkplug payload; undefined where protoc is not installed. Throws when it is not one. */
export const protocDecode = works('protoc', '--version')
  ? (proto: string, payload: Uint8Array): string => {
      const args = ['--decode=org.eclipse.tahu.protobuf.Payload', `-I${dirname(proto)}`, basename(proto)];
      const { status, stdout, stderr } = spawnSync('protoc', args, { input: payload, encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      return stdout;
    }
  : undefined;
