/** What one peer is asked to do; comes as JSON in the first argument. */
export interface PeerTask {
  peer: PeerName;
  /** A database of its own. */
  connectionString: string;
  jobs: number;
  /** Jobs enqueued one at a time for the pick-up latency. */
  singles: number;
  postgresPid: number;
}

export type PeerName = 'graphile-worker defaults' | 'graphile-worker with result rows' | 'pg-boss 20×8' | 'pg-boss 500×2';

/** What it prints as JSON when done. */
export interface PeerResult {
  peer: PeerName;
  jobs: number;
  seconds: number;
  /** Its own process and PostgreSQL's, per job. */
  processorMicrosecondsPerJob: number;
  /** From before the enqueuing to the handler's start, one job at a time, in milliseconds. */
  pickupMs: number[];
}

/** A queue that runs no-op jobs: what every peer has to be able to do. */
export interface Peer {
  /** Enqueue this many no-op jobs as it does best. */
  enqueue(jobs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Makes a peer whose jobs call `ran` when the handler starts. */
export type OpenPeer = (connectionString: string, ran: (jobs: number) => void) => Promise<Peer>;
