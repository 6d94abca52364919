import type { ArgoCdConfig } from '@slipway/contracts';
import { ArgoCdError, type ArgoCdApi } from './api.js';
import { autoSyncs, type Application, type ResourceStatus } from './application.js';
import { judgeHealth, type Finished, type GateAnswer } from './gate.js';

/** Deeper than this nobody nests Applications; what is below is not followed. */
const DEPTH_MAX = 4;
/** An app of apps with more children is not followed to the end in any reasonable time. */
const CHILDREN_MAX = 500;
/** Each blocks until it has been compared, so a few at a time. */
const REFRESHES_A_LOOK_MAX = 5;

/**
 * Applications that an Application deploys. Argo CD counts them as healthy whatever they are, unless it is configured otherwise, so each is asked,
 * and its own children too. One that was found well is not asked again.
 */
export class Children {
  private readonly well = new Set<string>();

  constructor(
    private readonly api: ArgoCdApi,
    private readonly config: Pick<ArgoCdConfig, 'suspended'>,
  ) {}

  /** The worst of them. */
  async judge(parent: Application, finished: Finished): Promise<GateAnswer> {
    let refreshes = 0;
    const left = childrenOf(parent).map((child) => ({ child, depth: 1 }));
    const seen = new Set<string>();
    const waiting: GateAnswer[] = [];
    for (let next = left.shift(); next; next = left.shift()) {
      const key = keyOf(next.child);
      if (seen.has(key) || seen.size >= CHILDREN_MAX) continue;
      seen.add(key);
      if (this.well.has(key)) continue;
      const { answer, app } = await this.judgeChild(next.child, finished, refreshes < REFRESHES_A_LOOK_MAX);
      if (answer.is === 'bad') return answer;
      if (answer.is === 'wait') {
        if (answer.stale) refreshes++;
        waiting.push(answer);
      } else {
        const below = next.depth < DEPTH_MAX && app ? childrenOf(app) : [];
        // Asked again as long as one below it is not well.
        if (below.length === 0) this.well.add(key);
        left.push(...below.map((child) => ({ child, depth: next!.depth + 1 })));
      }
    }
    return waiting[0] ?? { is: 'healthy' };
  }

  private async judgeChild(
    child: ResourceStatus,
    finished: Finished,
    mayRefresh: boolean,
  ): Promise<{ answer: GateAnswer; app?: Application }> {
    const name = child.name ?? '';
    const api = this.api.of({ name, ...(child.namespace === undefined ? {} : { namespace: child.namespace }) });
    try {
      const app = await api.read();
      const answer = judgeHealth(app, { ...finished, compared: false }, this.config);
      if (answer.is === 'wait' && answer.stale && mayRefresh) await api.refresh().catch(() => undefined);
      if (answer.is === 'healthy' && autoSyncs(app.spec) && app.status.sync?.status !== 'Synced')
        return { answer: { is: 'wait', because: `until its Application ${name} is synced` } };
      return { app, answer: answer.is === 'healthy' ? answer : { ...answer, because: `its Application ${name}: ${answer.because}` } };
    } catch (error) {
      if (!(error instanceof ArgoCdError)) throw error;
      return { answer: { is: 'wait', because: `its Application ${name} cannot be read (${error.message}); may the token get it?` } };
    }
  }
}

/** Applications among its resources. */
export const childrenOf = (app: Application): ResourceStatus[] =>
  app.status.resources.filter(({ group, kind, name }) => kind === 'Application' && group === 'argoproj.io' && name !== undefined);

const keyOf = ({ namespace, name }: ResourceStatus): string => `${namespace ?? ''}/${name ?? ''}`;
