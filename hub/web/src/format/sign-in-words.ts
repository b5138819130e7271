/** Words for what went wrong at the provider of identities, by the code in ?signIn=. */
const WORDS: Record<string, readonly [title: string, words: string]> = {
  PROVIDER_EXPIRED: [
    'The sign-in took too long',
    'It was begun more than ten minutes ago, or in another browser. Begin anew.',
  ],
  PROVIDER_REFUSED: [
    'The sign-in was refused',
    'The identity provider did not confirm who you are. Try again; if it stays so, the hub’s log says why.',
  ],
  PROVIDER_NO_NAME: [
    'The sign-in has no name',
    'The identity provider did not say your user name. An administrator has to set nameClaim in the hub’s configuration.',
  ],
  PROVIDER_NO_ROLE: [
    'You have no access here',
    'Your account is known, but none of its groups has a role in Lineside. Ask an administrator for one.',
  ],
  PROVIDER_UNREACHABLE: [
    'The identity provider does not answer',
    'Try again in a moment. Whoever has a password here can sign in with it.',
  ],
  PROVIDER_NAME_TAKEN: [
    'Your name is taken',
    'Another user here has the same name. An administrator has to delete or rename one of the two.',
  ],
  PROVIDER_NOT_SET: ['No identity provider', 'This hub has none. Sign in with name and password.'],
  LOGIN_REFUSED: ['You are disabled here', 'An administrator has disabled your user. Ask one to enable it.'],
};

/** @param code as it stands in the address */
export function signInWords(code: string): { title: string; words: string } {
  // Anybody can write an address: only what looks like a code is shown of it.
  const shown = /^[A-Z_]{1,40}$/.test(code) ? ` (${code})` : '';
  const [title, words] = WORDS[code] ?? ['Sign-in did not work', `Try again; the hub’s log says why${shown}.`];
  return { title, words };
}
