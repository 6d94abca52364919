import type { Obligations } from './decision.js';

/*
 * A rollout: one version entering one environment. The plan is frozen when it starts; the state is one letter per member,
 * so that a rollout of 100,000 targets stays a small row.
 */

export type RolloutState = 'pending' | 'running' | 'paused' | 'halted' | 'completed' | 'superseded' | 'rolledBack' | 'cancelled';

/**
 * `.` pending · `j` its job is live (queued to running) · `v` its verification is live · `s` succeeded (and verified where asked) ·
 * `f` failed · `u` unknown or inconclusive, waits for a person · `x` excluded · `b` is being rolled back · `r` rolled back
 */
export type MemberLetter = '.' | 'j' | 'v' | 's' | 'f' | 'u' | 'x' | 'b' | 'r';

export interface PlannedWave {
  name: string;
  /** Ordinals [from, to) of the frozen member order. */
  from: number;
  to: number;
  holdMs: number;
  verify: boolean;
  /** It begins only when a person has promoted into it. */
  approve: boolean;
}

/** Frozen at the start. */
export interface RolloutPlan {
  /** Resource identifiers in rollout order; a member's ordinal is its position. Late joiners are appended to the last wave. */
  members: string[];
  waves: PlannedWave[];
  maxInFlight: number;
  /** How many failures are tolerated; one more halts. */
  failureBudget: number;
  bakeMs: number;
  /** Set for `linear` and `linearNormalized`: the distance between starts. */
  everyMs?: number;
}

export interface Rollout {
  id: string;
  deployment: string;
  environment: string;
  versionId: string;
  version: string;
  state: RolloutState;
  plan: RolloutPlan;
  obligations: Obligations;
  /** One MemberLetter per member. */
  members: string;
  /** Index of the wave that runs now. */
  wave: number;
  /** When the current wave was done (all members terminal), for `hold` and `bake`. */
  waveDoneAt?: number;
  /** When the last member was begun, for `linear`. */
  lastStartAt?: number;
  /** Set by `promote`: skip hold and approval of the current wave; `all`: of every later wave too. */
  promoted?: 'wave' | 'all';
  /** Failures that a person accepted by `resume`: they no longer count against the budget. */
  forgiven: number;
  /**
   * It will end so once its live jobs have ended; nothing new begins. `issued`: the roll back of its members has been ordered.
   * Kept in the state so that no crash forgets it; the state itself turns terminal only when nothing can change any more (I6).
   */
  ending?: { state: 'superseded' | 'cancelled' | 'rolledBack'; because: string; issued: boolean };
  /** Why it is paused, halted, superseded, or what it waits for, in one sentence. */
  because?: string;
  createdAt: number;
  /** When time alone moves it on. */
  wakeAt?: number;
  /** Grows with every change; older writers change nothing. */
  generation: number;
}

/** What an `f` tells beside the letter, where a target is entered by several jobs. */
export interface MemberFailure {
  /**
   * `stopped`: nothing was wrong, it goes no further because its rollout does not. `rejected`: nothing had begun, so there is nothing to roll back and
   * nothing is known of the version. Absent: told by the letter that it had.
   */
  of?: 'job' | 'verification' | 'stopped' | 'rejected';
  /** Something has moved there that its own strategy takes back, whatever the rollback rule says. */
  back: boolean;
}

export type RolloutEvent =
  | { type: 'start' }
  | { type: 'time' }
  /** A member's job or verification changed its state; `.`: its job was withdrawn before it began; `b`: a person rolls this one back. */
  | { type: 'member'; ordinal: number; letter: MemberLetter; because?: string; failure?: MemberFailure }
  | { type: 'join'; resources: string[] }
  | { type: 'pause'; because: string }
  | { type: 'resume' }
  | { type: 'promote'; all: boolean }
  | { type: 'retryFailed' }
  /** Members that are not live will never begin (again); live ones are left as they are. */
  | { type: 'exclude'; ordinals: number[] }
  | { type: 'abort'; because: string }
  | { type: 'supersede'; by: string }
  /** Take every member that already took the version back, newest first. */
  | { type: 'rollback'; because: string };

/** What the scheduler must carry out; data, not calls. */
export type RolloutEffect =
  /** Make releases and jobs for these members, in this order. */
  | { type: 'dispatch'; ordinals: number[] }
  /** Roll these members back, in this order (newest first). */
  | { type: 'rollBack'; ordinals: number[]; because: string }
  /** Cancel what was queued and not yet claimed. */
  | { type: 'withdraw'; ordinals: number[] }
  | { type: 'announce'; verb: 'started' | 'waveDone' | 'waveStarted' | RolloutState; because?: string; wave?: string };
