import type { JobSpec } from '@slipway/core';
import type { Executor } from '../../agents/src/executors/executor.js';
import type { HurriedTime } from '../../agents/test/hurried-time.js';

/** An executor as one life of an agent has it: with its connections and whatever it keeps in memory. */
export interface Life {
  executor: Executor;
  /** The agent was killed in this moment: nothing that this life still asks of the system may arrive, and no answer reaches it. At the latest with the story's end. */
  kill(): void | Promise<void>;
}

/** What an agent does that a system can misread, or the other way round. Arranged before the run begins. */
export interface Hostility {
  arrange(): void;
  /** How the run may end; any of the final reports by default. */
  endsAs?: readonly string[];
}

/**
 * An executor and the system it drives, for one story. The system is in the story's hand: it says when a run ends, it can be down, lose
 * answers, and it counts how often it was really made to begin a run. Every story makes its own.
 */
export interface Subject {
  config: JobSpec['executor'];
  /** Values of the secrets that the config refers to, by the name under which `secretReferences` lists them. */
  secrets?: Readonly<Record<string, string>>;
  /** What templates see besides what the kit gives (`job`, `version`, `environment`, …). */
  context?: JobSpec['context'];
  /** The clock of the agents: real, or hurried where waits are long. The lives must use the same. */
  time: HurriedTime;
  /** The run's limit in the story of the time limit, by that clock. By default two seconds of real time. */
  shortLimitMs?: number;
  /** What the system may take for one step, in real time; 15 s by default. */
  patienceMs?: number;

  /** The executor as a new life of the same agent has it. */
  life(): Life;
  /** The executor on another agent of the pool: nothing is shared but the system. */
  otherAgent(): Life;

  /** How often the system was really made to begin this run. More than once is a deployment that happened twice. */
  begun(runId: string): number;
  /** Whether something of this run goes on in the system. */
  goesOn(runId: string): boolean;
  /** Let the run that goes on end so. */
  finish(runId: string, how: 'succeeded' | 'failed'): void | Promise<void>;

  /** True where another agent of the pool can find out what became of a run; otherwise it must say `unknown`. */
  observesElsewhere: boolean;

  /**
   * Tell of instants at which an agent may die, cancel may come, and so on: before each thing that is asked of the system is carried out, and
   * after it was, before the answer leaves. When `reached` gives true the agent is dead: what was asked is not carried out, or not answered.
   * `VendorServer.witness` tells them: `instants: (reached) => void (server.witness = reached)`. Instants that the kit sees itself (notes, progress, log, waits) need not be told.
   */
  instants?(reached: (instant: string) => boolean): void;

  /** The next beginning is carried out and its answer lost. */
  loseStartAnswer?(): void;
  /** The next beginning is carried out and answered by a gateway with 502. */
  startAnswers502AfterDoing?(): void;
  /** The system is not reachable. */
  down?(): Promise<void>;
  up?(): Promise<void>;
  /** Every answer takes its time from now on. */
  slow?(): void;
  /** From now on what is asked to stop does not. */
  ignoreCancel?(): void;
  /** The run waits for a person, until the person acted. */
  askPerson?(runId: string): void | Promise<void>;
  personActs?(runId: string): void | Promise<void>;
  /** The run that is begun next asks for `slipway confirm`; the kit answers as the controller would. */
  asksToConfirm?(): void;
  /** By a name that says what is hostile: output, states, types, sizes. Include the secrets in some output. */
  hostile?: Readonly<Record<string, Hostility>>;

  /** The story is over. Returns what the system saw that breaks its own rules, as with `VendorServer.violations`. */
  close(): Promise<readonly string[]>;
}

/** Makes the subject of one story; `directory` is the story's own. */
export type MakeSubject = (directory: string) => Subject | Promise<Subject>;
