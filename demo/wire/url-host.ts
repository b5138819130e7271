/** An address as a URL writes it: an IPv6 address goes into brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
