/*
 * What enrolment needs of the wire. Adapters: NATS (`*.nats.ts`); the simulation brings its own.
 */

/** Makes and takes back the credentials of agents. */
export interface AgentCredentials {
  /** The user JWT of an agent that may pull from the queues of its pool, for the key it made itself. */
  mintAgent(agent: { name: string; pool: string; executors: readonly string[]; publicKey: string; expiresInMs: number }): Promise<string>;
  /** Credentials file text that allows nothing but to ask for this agent's enrolment. */
  mintEnrolment(enrolment: { agent: string; expiresInMs: number }): Promise<string>;
  /** The key is worth nothing from now on and its connection drops. Idempotent. */
  revoke(publicKey: string): Promise<void>;
  /** Addresses at which an agent reaches the mesh; they go into its token. */
  servers(): string[];
  /** A secret that cannot be guessed. */
  makeSecret(): string;
}

/** Makes the queue of a pool and executor. */
export interface JobQueues {
  /** Idempotent. */
  ensure(pool: string, executor: string): Promise<void>;
}
