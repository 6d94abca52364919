import { z } from 'zod';
import { secretReferenceSchema } from '../executors/fields.js';

const CARRIES_CREDENTIALS = /^(authorization|proxy-authorization|cookie)$/i;

/** Headers in plain text. Those that carry credentials are not accepted here: what stands in a document can be read by everybody. */
export const plainHeadersSchema = z.record(z.string(), z.string()).superRefine((headers, context) => {
  for (const name of Object.keys(headers).filter((key) => CARRIES_CREDENTIALS.test(key)))
    context.addIssue({
      code: 'custom',
      path: [name],
      message: 'carries credentials; name a secret instead, as in secretHeaders: { authorization: env:NAME }',
    });
});

/** Header → reference to a secret; resolved on the agent. */
export const secretHeadersSchema = z.record(z.string(), secretReferenceSchema);

/** How several numbers become one. There is no default: which one is meant is never a guess. */
export const reducerSchema = z.enum(
  ['max', 'min', 'avg', 'sum', 'count'],
  'says how several series become one value; write max, min, avg, sum or count',
);
export type Reducer = z.output<typeof reducerSchema>;

/** The same over time, where the order counts too. */
export const timeReducerSchema = z.enum(
  ['max', 'min', 'avg', 'sum', 'count', 'first', 'last'],
  'says how the points of a series become one value; write max, min, avg, sum, count, first or last',
);
export type TimeReducer = z.output<typeof timeReducerSchema>;
