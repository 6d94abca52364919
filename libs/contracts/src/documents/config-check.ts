import type { JsonObject } from '@slipway/core';
import type { z } from 'zod';
import { executorSchemas, providerSchemas } from '../config-schemas.js';
import { check, type Complaint } from './issues.js';
import { didYouMean } from './suggest.js';
import { valueAt, type DocumentPath } from './source.js';

const holdsTemplate = (config: JsonObject, path: DocumentPath): boolean => {
  const value = valueAt(config, path);
  return typeof value === 'string' && value.includes('{{');
};

/** Complaints about a config template; a field that holds `{{ }}` is known only when it is rendered, and passes. */
function checkAgainst(schema: z.ZodType | undefined, config: JsonObject): Complaint[] {
  if (schema === undefined) return [];
  const result = check(schema, config);
  return 'data' in result ? [] : result.complaints.filter((complaint) => !holdsTemplate(config, complaint.path));
}

/** What is wrong with an executor's config template, as far as that is known before it is rendered. */
export const checkExecutorConfig = (config: JsonObject & { type: string }): Complaint[] =>
  checkAgainst(executorSchemas[config.type], config);
/** What is wrong with a provider's config template. */
export const checkProviderConfig = (config: JsonObject & { type: string }): Complaint[] =>
  checkAgainst(providerSchemas[config.type], config);

const unknownType = (what: string, type: string, known: string[]): string | undefined =>
  known.includes(type)
    ? undefined
    : `${type} is no ${what} of Slipway's own; only an agent that has it can run this${didYouMean(type, known)}`;

/** A warning when no agent of ours has this executor: jobs would wait for ever. */
export const warnOfExecutor = (type: string): string | undefined => unknownType('executor', type, Object.keys(executorSchemas));
export const warnOfProvider = (type: string): string | undefined => unknownType('provider', type, Object.keys(providerSchemas));
