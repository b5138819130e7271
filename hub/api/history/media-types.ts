/** In which form a history goes out, by what the client accepts (RFC 9110, 12.5.1). */
export const HISTORY_TYPES = {
  json: 'application/json',
  csv: 'text/csv',
  jsonLines: 'application/x-ndjson',
  arrow: 'application/vnd.apache.arrow.stream',
} as const;
export type HistoryForm = keyof typeof HISTORY_TYPES;

/** Other names that clients use for the same. */
const ALSO: Record<string, HistoryForm> = {
  'application/jsonl': 'jsonLines',
  'application/x-jsonlines': 'jsonLines',
};

/** @returns undefined when the client takes none of them; JSON when it takes anything */
export function formFor(accept: string | undefined): HistoryForm | undefined {
  if (accept === undefined || accept.trim() === '') return 'json';
  let best: HistoryForm | undefined;
  let bestQ = 0;
  for (const range of accept.slice(0, 1_000).split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((part) => part.startsWith('q='));
    const q = weight === undefined ? 1 : Number(weight.slice(2)) || 0;
    const form = formNamed(name);
    if (!form || q <= bestQ) continue;
    best = form;
    bestQ = q;
  }
  return best;
}

function formNamed(range: string): HistoryForm | undefined {
  if (ALSO[range]) return ALSO[range];
  const forms = Object.entries(HISTORY_TYPES) as [HistoryForm, string][];
  const prefix = range === '*/*' ? '' : range.endsWith('/*') ? range.slice(0, -1) : undefined;
  return forms.find(([, type]) => (prefix === undefined ? type === range : type.startsWith(prefix)))?.[0];
}
