/** An asked stop that nobody confirms within this makes the job `unknown`: executors are given 30 s to stop, links a minute to heal. */
export const CANCEL_CONFIRM_MS = 120_000;

/** The agent itself ends a job at its run deadline; the controller waits this much longer for that report before it asks for a stop. */
export const RUN_GRACE_MS = 30_000;

/** An invitation that nobody answered is sent again so often: the queue may have lost it, or an agent may have dropped it. */
export const REINVITE_MS = 300_000;

/** The job goes back to `queued` for so long at most, waiting for whoever puts it on the queue, before that is asked for again. */
export const REQUEUE_MS = 30_000;

/** A job that loses its holder so often in one attempt may be what kills them; it becomes `unknown`. */
export const LAPSES_MAX = 5;
