import { z } from 'zod';
import { cleanText } from '../../text.js';

/*
 * What is read of GitHub's answers, and no more. States are text here: GitHub's own document gives no list for those of a run, and a new one
 * must not stop anybody.
 */

const NAME_LENGTH_MAX = 120;
const name = z
  .string()
  .catch('')
  .transform((text) => cleanText(text.replace(/\s+/g, ' '), NAME_LENGTH_MAX));
const state = z
  .string()
  .nullish()
  .catch(null)
  .transform((text) => (typeof text === 'string' ? cleanText(text, 50) : undefined));
/** An address that a person may follow. */
const link = z
  .string()
  .max(1_500)
  .regex(/^https?:\/\/[^\s\u0000-\u001f]+$/)
  .optional()
  .catch(undefined);

const workflowRunSchema = z.object({
  id: z.number().int().positive(),
  display_title: z.string().catch(''),
  status: state,
  conclusion: state,
  run_attempt: z.number().int().min(1).catch(1),
  html_url: link,
  created_at: z.string().max(40).catch(''),
  updated_at: z.string().max(40).catch(''),
});
export type WorkflowRun = z.output<typeof workflowRunSchema>;

const jobSchema = z.object({
  id: z.number().int().positive(),
  name,
  status: state,
  conclusion: state,
  steps: z.array(z.object({ name, status: state, conclusion: state })).catch([]),
});
export type WorkflowJob = z.output<typeof jobSchema>;
export interface WorkflowJobs {
  /** Also those that are not in the list. */
  count: number;
  jobs: WorkflowJob[];
}

const reviewerSchema = z.object({ reviewer: z.object({ login: name.optional(), name: name.optional() }).catch({}) });
const pendingSchema = z.array(
  z.object({
    environment: z.object({ name }).catch({ name: '' }),
    wait_timer: z.number().catch(0),
    reviewers: z.array(reviewerSchema).catch([]),
  }),
);
export type PendingDeployment = z.output<typeof pendingSchema>[number];

/** Those entries of a list that can be read. */
const readable = <T>(schema: z.ZodType<T>, entries: readonly unknown[]): T[] =>
  entries.flatMap((entry) => {
    const parsed = schema.safeParse(entry);
    return parsed.success ? [parsed.data] : [];
  });

const runListSchema = z.object({ total_count: z.number().catch(0), workflow_runs: z.array(z.unknown()) });
const jobListSchema = z.object({ total_count: z.number().catch(0), jobs: z.array(z.unknown()) });
const dispatchedSchema = z.object({ workflow_run_id: z.number().int().positive(), html_url: link });
const workflowSchema = z.object({ name: z.string() });

/** Each gives undefined for what is no such answer. */
export const readRun = (json: unknown): WorkflowRun | undefined => workflowRunSchema.safeParse(json).data;
export const readDispatched = (json: unknown): z.output<typeof dispatchedSchema> | undefined => dispatchedSchema.safeParse(json).data;
export const readWorkflowName = (json: unknown): string | undefined => workflowSchema.safeParse(json).data?.name;
export const readPending = (json: unknown): PendingDeployment[] | undefined => pendingSchema.safeParse(json).data;
export function readRuns(json: unknown): { runs: WorkflowRun[]; length: number } | undefined {
  const { data } = runListSchema.safeParse(json);
  return data && { runs: readable(workflowRunSchema, data.workflow_runs), length: data.workflow_runs.length };
}
export function readJobs(json: unknown): WorkflowJobs | undefined {
  const { data } = jobListSchema.safeParse(json);
  if (!data) return undefined;
  const jobs = readable(jobSchema, data.jobs);
  return { count: Math.max(data.total_count, jobs.length), jobs };
}
