import type { VendorAnswer } from '../../vendor/vendor-client.js';
import { Refused } from '../executor.js';
import { readDispatched } from './answers.js';
import type { Asking } from './credentials.js';
import { whyNot, type Sought } from './run-search.js';

/** Servers that do not know `return_run_details`: every Enterprise Server up to 3.20. */
export type WithoutRunDetails = Set<string>;

const SUCCESS = (status: number): boolean => status >= 200 && status < 300;

/**
 * Dispatches the workflow once. Gives the id of the run where GitHub tells it; undefined where it was dispatched without. Throws `Refused`
 * when certainly nothing was begun, `Ambiguous` when something may have been.
 */
export async function dispatch(
  { session, config, runId }: Sought,
  without: WithoutRunDetails,
  asking: Asking,
): Promise<number | undefined> {
  const path = `/repos/${config.repository}/actions/workflows/${encodeURIComponent(config.workflow)}/dispatches`;
  const body = { ref: config.ref, inputs: { ...config.inputs, [config.jobInput]: runId } };
  const send = (details: boolean): Promise<VendorAnswer> =>
    session.once({ method: 'POST', path, json: details ? { ...body, return_run_details: true } : body }, asking);

  let answer = await send(!without.has(config.server));
  if ((answer.status === 400 || answer.status === 422) && answer.text.includes('return_run_details')) {
    without.add(config.server);
    answer = await send(false);
  }
  if (!SUCCESS(answer.status)) throw new Refused(whyNot(config, answer));
  return readDispatched(answer.json)?.workflow_run_id;
}
