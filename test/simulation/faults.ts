import type { Random } from './random.js';

/**
 * What may go wrong in one run. Probabilities are per occasion. Each seed switches some kinds off altogether (swarm): a run in which everything
 * always fails finds less than runs in which some things fail often.
 */
export interface Faults {
  /** A delivery is lost on its way to the consumer and comes again later. */
  dropDelivery: number;
  /** An acknowledgement is lost, so that a handled message comes again. */
  dropAck: number;
  /** A batch is not the oldest that waits. */
  reorder: number;
  /** The stream has forgotten a message id, so that a second publish is stored again. */
  forgetId: number;
  /** A request never arrives. */
  dropRequest: number;
  /** The request was carried out, its reply never arrives. */
  dropReply: number;
  /** A step of a process takes long. */
  slowStep: number;
  /** Longest latency of a message or a request. */
  latencyMsMax: number;
  /** A process dies at a step of its own. */
  crashService: number;
  crashAgent: number;
  /** The link of an agent, or the whole of NATS, is away for a while; per second. */
  cutLink: number;
  natsOutage: number;
}

const NONE: Faults = {
  dropDelivery: 0,
  dropAck: 0,
  reorder: 0,
  forgetId: 0,
  dropRequest: 0,
  dropReply: 0,
  slowStep: 0,
  latencyMsMax: 5,
  crashService: 0,
  crashAgent: 0,
  cutLink: 0,
  natsOutage: 0,
};

const ALL: Faults = {
  dropDelivery: 0.1,
  dropAck: 0.1,
  reorder: 0.3,
  forgetId: 0.5,
  dropRequest: 0.08,
  dropReply: 0.08,
  slowStep: 0.01,
  latencyMsMax: 400,
  crashService: 0.001,
  crashAgent: 0.01,
  cutLink: 0.02,
  natsOutage: 0.005,
};

export function noFaults(): Faults {
  return { ...NONE };
}

/** About half of the kinds, by the seed. */
export function drawFaults(random: Random): Faults {
  const drawn = noFaults();
  for (const kind of Object.keys(ALL) as (keyof Faults)[]) if (random.chance(0.5)) drawn[kind] = ALL[kind];
  return drawn;
}
