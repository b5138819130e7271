/** One YAML text with sections of another, so that a configuration may be brought to several programs. */
import { isMap, parseDocument } from 'yaml';
import { LinesideError } from '../errors/lineside-error.ts';

/**
 * `text` with the given sections as they stand in `own`; one that is not in `own` is not in the result either. Comments
 * of both stay.
 *
 * @throws LinesideError CONFIG_INVALID when one of them is no YAML mapping
 */
export function withSectionsOf(text: string, own: string, sections: readonly string[]): string {
  const target = mappingOf(text);
  const source = mappingOf(own);
  for (const section of sections) {
    const node = source.get(section, true);
    if (node === undefined) target.delete(section);
    else target.set(section, node);
  }
  return target.toString({ lineWidth: 0 });
}

function mappingOf(text: string) {
  const document = parseDocument(text, { prettyErrors: false });
  const [error] = document.errors;
  if (error || !isMap(document.contents)) {
    throw new LinesideError(
      'CONFIG_INVALID',
      'peer',
      `not a configuration in YAML: ${error?.message ?? 'no mapping'}`,
    );
  }
  return document;
}
