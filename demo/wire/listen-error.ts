/** A server that cannot listen, told to the person at the keyboard. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/** @param flag the command-line flag that moves the server to another port. */
export function listenError(error: unknown, what: string, port: number, flag: string): LinesideError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const reason =
    code === 'EADDRINUSE'
      ? `port ${port} is taken`
      : code === 'EACCES'
        ? `port ${port} is not allowed for this user`
        : `cannot listen on port ${port}`;
  const message = `${reason}: the ${what} needs it; choose another with ${flag} <port> (0 takes any free one)`;
  return new LinesideError('DEMO_LISTEN', 'config', message, { cause: code === 'EADDRINUSE' ? undefined : error });
}
