// Sets the colour scheme before anything is painted, so that a dark control room is not lit by a white flash.
(() => {
  let chosen = 'auto';
  try {
    chosen = localStorage.getItem('lineside-color-scheme') ?? 'auto';
  } catch {
    // Storage is blocked: follow the system.
  }
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const scheme = chosen === 'dark' || chosen === 'light' ? chosen : system;
  document.documentElement.setAttribute('data-mantine-color-scheme', scheme);
})();
