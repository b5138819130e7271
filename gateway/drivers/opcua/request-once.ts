/**
 * Requests that act on a machine. The client's session would keep such a request while it repairs its connection, and
 * send it minutes later, when nobody wants it any more; so these pass it by: now or not at all, and once.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { ClientSession, OPCUAClient } from 'node-opcua-client';

/** `status`: the server refused the request as a whole. `failure`: whether it did anything is not known. */
export type Answer<Response> = { response: Response } | { status: string } | { failure: string };

interface Header {
  serviceResult: { name: string };
}

type Sender<Request, Response> = {
  performMessageTransaction(request: Request, done: (error: Error | null, response?: Response) => void): void;
};

/** Sends it by the session's name. Never rejects; ends within the client's transaction timeout. */
export function requestOnce<Response extends { responseHeader: Header }>(
  client: OPCUAClient,
  session: ClientSession,
  request: { requestHeader: object },
): Promise<Answer<Response>> {
  const { authenticationToken } = session as unknown as { authenticationToken: unknown };
  Object.assign(request.requestHeader, { authenticationToken });
  return new Promise((resolve) => {
    const sender = client as unknown as Sender<unknown, Response>;
    try {
      sender.performMessageTransaction(request, (error, response) => {
        // A ServiceFault comes as an error that carries it.
        const answered = response ?? (error as { response?: Response } | null)?.response;
        const status = answered?.responseHeader.serviceResult.name;
        if (status !== undefined && status !== 'Good') resolve({ status });
        else if (answered) resolve({ response: answered });
        else resolve({ failure: plain(error) });
      });
    } catch (error) {
      resolve({ failure: plain(error) });
    }
  });
}

function plain(error: unknown): string {
  const words = messageOf(error).split('\n')[0] ?? '';
  return /timeout|timed out/i.test(words) ? 'no answer in time' : words || 'the connection was cut';
}
