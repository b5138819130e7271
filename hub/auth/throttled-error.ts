import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/** LOGIN_THROTTLED, with the seconds to wait. */
export class ThrottledError extends LinesideError {
  readonly seconds: number;

  constructor(seconds: number) {
    super('LOGIN_THROTTLED', 'peer', `too many attempts; try again in ${seconds} s`);
    this.seconds = seconds;
  }
}
