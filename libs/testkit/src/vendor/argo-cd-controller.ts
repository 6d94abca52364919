import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON that tests reach deep into; the vendor's document judges it
export type Tree = Record<string, any>;

/** An Application as the server keeps it. */
export interface StandingApplication {
  apiVersion: string;
  kind: string;
  metadata: Tree;
  spec: Tree;
  operation?: Tree | undefined;
  status: Tree;
}

/** How long the controller takes for each of its steps, in milliseconds. */
export interface ControllerPace {
  /** Until it takes an operation up. */
  takeUpMs: number;
  /** From then until the operation has succeeded. */
  syncMs: number;
  /** From the operation's end until the Application is compared again: until then it says what it said before. */
  reconcileMs: number;
  /** From a change of the spec until it is noticed, and synced where auto-sync is on. */
  noticeMs: number;
  /** From the order to terminate until the operation is gone. */
  terminateMs: number;
}

export const QUICK: ControllerPace = { takeUpMs: 5, syncMs: 20, reconcileMs: 20, noticeMs: 10, terminateMs: 20 };

/** What Argo CD's application controller makes of Applications: by itself at a pace, and whatever a test says. */
export class ArgoCdController {
  /** Health after each comparison to come; the last stays. `Healthy` when nothing is said. By Application. */
  readonly healths = new Map<string, string[]>();
  /** Without a pace: an operation is taken up as soon as it is there. */
  takesUpAtOnce = false;
  /** What operations say while they go on. */
  messageOfSync = 'waiting for completion of hook';
  /** When true, a refresh brings about nothing. */
  deaf = false;
  /** What was synced last. */
  private readonly live = new WeakMap<StandingApplication, Tree>();
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(
    private readonly touched: (app: StandingApplication) => void,
    private readonly pace: ControllerPace | undefined,
  ) {}

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  sourcesOf = ({ spec }: StandingApplication): Tree[] => (spec['sources'] as Tree[] | undefined) ?? [spec['source'] as Tree];

  autoSyncs({ spec }: StandingApplication): boolean {
    const automated = (spec['syncPolicy'] as Tree | undefined)?.['automated'] as Tree | undefined;
    return automated !== undefined && automated['enabled'] !== false;
  }

  operationSet(app: StandingApplication): void {
    if (this.takesUpAtOnce) this.takeUp(app);
    else this.later('takeUpMs', () => this.takeUp(app));
  }

  specChanged(app: StandingApplication): void {
    this.later('noticeMs', () => this.notice(app));
  }

  /** Begin what was asked for. */
  takeUp(app: StandingApplication): void {
    const { operation } = app;
    if (!operation) return;
    const { source, sources } = operation['sync'] as Tree;
    app.status['operationState'] = {
      operation: structuredClone(operation),
      phase: 'Running',
      message: this.messageOfSync,
      startedAt: now(),
      syncResult: { revision: '', source, ...(sources ? { sources } : {}), resources: [] },
    };
    this.touched(app);
    this.later('syncMs', () => this.finish(app));
  }

  /** The operation is over. */
  finish(app: StandingApplication, phase = 'Succeeded', over: { message?: string; resources?: Tree[] } = {}): void {
    const state = app.status['operationState'] as Tree | undefined;
    if (!app.operation || !state) return;
    const sync = app.operation['sync'] as Tree;
    Object.assign(state, {
      phase,
      finishedAt: now(),
      message: over.message ?? (phase === 'Succeeded' ? 'successfully synced (all tasks run)' : 'failed'),
    });
    Object.assign(state['syncResult'] as Tree, {
      revision: sync['revision'] ?? '',
      revisions: sync['revisions'],
      resources: over.resources ?? [],
    });
    delete app.operation;
    if (phase === 'Succeeded') this.remember(app, state, sync);
    this.touched(app);
    this.later('reconcileMs', () => this.reconcile(app));
  }

  /** A sync that failed and will be tried again: `Running`, with an end. */
  retry(app: StandingApplication): void {
    const state = app.status['operationState'] as Tree;
    Object.assign(state, {
      phase: 'Running',
      finishedAt: now(),
      message: 'one or more objects failed to apply. Retrying attempt #1 at 3:04PM.',
      retryCount: 1,
    });
    this.touched(app);
  }

  terminate(app: StandingApplication): void {
    const state = app.status['operationState'] as Tree;
    Object.assign(state, { phase: 'Terminating', message: 'operation is terminating' });
    this.touched(app);
    if (this.takesUpAtOnce) this.finish(app, 'Failed', { message: 'Operation terminated' });
    this.later('terminateMs', () => this.finish(app, 'Failed', { message: 'Operation terminated' }));
  }

  /** Compare what runs to what is wanted, now. */
  reconcile(app: StandingApplication): void {
    const revisions = this.sourcesOf(app).map((source) => commitOf((source['targetRevision'] as string | undefined) ?? 'HEAD'));
    const live = this.live.get(app);
    const synced = live !== undefined && isDeepStrictEqual(live, { sources: this.sourcesOf(app), revisions });
    app.status['sync'] = {
      status: synced ? 'Synced' : 'OutOfSync',
      ...(app.spec['sources'] ? { revisions } : { revision: revisions[0] }),
      comparedTo: {
        destination: app.spec['destination'],
        ...(app.spec['sources'] ? { sources: app.spec['sources'] } : { source: app.spec['source'] }),
      },
    };
    const healths = this.healths.get(app.metadata['name'] as string) ?? [];
    const more = healths.length > 1;
    const status = (more ? healths.shift() : healths[0]) ?? (live ? 'Healthy' : 'Missing');
    app.status['health'] = { status, lastTransitionTime: now() };
    app.status['reconciledAt'] = now();
    this.touched(app);
    if (more) this.later('reconcileMs', () => this.reconcile(app));
  }

  refresh(app: StandingApplication): void {
    if (!this.deaf) this.reconcile(app);
  }

  /** Auto-sync's look at an Application whose spec or source has changed. */
  notice(app: StandingApplication): void {
    this.reconcile(app);
    if (!this.autoSyncs(app) || app.operation || (app.status['sync'] as Tree)['status'] === 'Synced') return;
    const { revision, revisions } = app.status['sync'] as Tree;
    const { source, sources } = structuredClone(app.spec);
    app.operation = { sync: { source, sources, revision, revisions }, initiatedBy: { automated: true }, retry: { limit: 5 } };
    delete app.status['operationState'];
    this.operationSet(app);
    this.touched(app);
  }

  private remember(app: StandingApplication, state: Tree, sync: Tree): void {
    const history = app.status['history'] as Tree[];
    const sources = (sync['sources'] as Tree[] | undefined) ?? [sync['source'] as Tree];
    const revisions = (sync['revisions'] as string[] | undefined) ?? [sync['revision'] as string];
    this.live.set(app, { sources, revisions });
    const { revision, source } = sync;
    history.push({
      id: history.length === 0 ? 0 : (history.at(-1)!['id'] as number) + 1,
      ...(sync['sources'] ? { sources, revisions } : { revision, source }),
      deployStartedAt: state['startedAt'],
      deployedAt: now(),
      initiatedBy: (state['operation'] as Tree)['initiatedBy'],
    });
  }

  private later(step: keyof ControllerPace, act: () => void): void {
    if (!this.pace) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, this.pace[step]);
    this.timers.add(timer);
  }
}

/** Argo CD's times have whole seconds. */
const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

/** The commit that a revision resolves to: itself, when it is one. */
export const commitOf = (revision: string): string =>
  /^[0-9a-f]{40}$/.test(revision) ? revision : createHash('sha1').update(revision).digest('hex');
