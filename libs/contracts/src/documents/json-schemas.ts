import { z } from 'zod';
import { documentSchemas, type DocumentKind } from './kinds.js';

const SCHEMA_ID = 'https://slipway.dev/schemas';

/** `VariableSet` → `variable-set.json`. */
const fileOf = (kind: DocumentKind): string => `${kind.replace(/(?!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()}.json`;

/** The JSON Schema of one kind of document, as people write it; one that shall be absent needs no more than its name. */
export function documentJsonSchema(kind: DocumentKind): Record<string, unknown> {
  const { $schema, ...present } = z.toJSONSchema(documentSchemas[kind], { io: 'input', target: 'draft-2020-12' }) as Record<
    string,
    unknown
  >;
  const name = kind === 'Resource' ? 'identifier' : 'name';
  return {
    $schema,
    $id: `${SCHEMA_ID}/${fileOf(kind)}`,
    title: kind,
    if: { properties: { state: { const: 'absent' } }, required: ['state'] },
    then: { properties: { kind: { const: kind } }, required: ['kind', name] },
    else: present,
  };
}

/** File name → JSON Schema: one for each kind, and `slipway.json` for files that hold documents of any kind. */
export function documentJsonSchemas(): Record<string, Record<string, unknown>> {
  const kinds = Object.keys(documentSchemas) as DocumentKind[];
  const each = Object.fromEntries(kinds.map((kind) => [fileOf(kind), documentJsonSchema(kind)]));
  const any = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `${SCHEMA_ID}/slipway.json`,
    title: 'Slipway document',
    type: 'object',
    required: ['kind'],
    properties: { kind: { enum: kinds } },
    allOf: kinds.map((kind) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      then: { $ref: fileOf(kind) },
    })),
  };
  return { ...each, 'slipway.json': any };
}
