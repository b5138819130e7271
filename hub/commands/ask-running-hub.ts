/** What only a hub that runs can answer. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { askHub } from '../control/control-socket.ts';

/** @throws LinesideError HUB_NOT_RUNNING; what the hub says; CONTROL_REFUSED when this user may not ask it */
export async function askRunningHub(dataDir: string, operation: string, body: object): Promise<unknown> {
  const answer = await askHub(dataDir, operation, body);
  if (answer !== undefined) return answer;
  throw new LinesideError('HUB_NOT_RUNNING', 'config', `no hub runs on ${dataDir}: start it first`);
}
