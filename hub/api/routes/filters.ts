/** What several lists can be narrowed by, as their queries say it. */
import { Type } from 'typebox';

/** The name of one thing, exactly. */
export const NameFilter = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }));

/** A path of equipment. */
export const pathFilter = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 400, description }));
