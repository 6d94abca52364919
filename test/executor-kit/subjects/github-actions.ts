import { GithubServer, type StandInRun } from '@slipway/testkit';
import { GithubActionsExecutor } from '../../../agents/src/executors/github-actions/github-actions.js';
import type { Timers } from '../../../agents/src/ports.js';
import { VendorClients } from '../../../agents/src/vendor/vendor-clients.js';
import { HurriedTime } from '../../../agents/test/hurried-time.js';
import type { Hostility, Life, Subject } from '../subject.js';

const TOKEN = 'ghp_of-the-executor-kit';

/** GitHub Actions, with a workflow that names its runs as it should. `enterprise`: a server that tells no id of a dispatched run. */
export async function githubActionsSubject(options: { enterprise?: boolean } = {}): Promise<Subject> {
  const server = await new GithubServer(options).start();
  server.tokens.clear();
  server.tokens.set(TOKEN, 'write');
  const time = new HurriedTime(400);
  const lives: Life[] = [];
  const life = (): Life => {
    let dead = false;
    // What a dead life waits for does not come.
    const timers: Timers = { after: (ms, go) => (dead ? () => {} : time.after(ms, () => dead || go())) };
    const clients = new VendorClients({ clock: time, timers, random: () => 0.5 });
    const kill = (): Promise<void> => {
      dead = true;
      return clients.close();
    };
    const made = { executor: new GithubActionsExecutor(clients, { clock: time, timers }), kill };
    lives.push(made);
    return made;
  };
  const runOf = (id: string): StandInRun | undefined => server.runsOf(id)[0];
  const dispatches = { method: 'POST', path: /\/dispatches$/ };
  const polls = (body: unknown): Hostility => ({
    arrange: () => server.misbehave({ method: 'GET', path: /\/runs\/\d+(\/jobs)?$/, instead: { status: 200, body }, times: 6 }),
    endsAs: ['succeeded'],
  });
  const logs = (log: string): Hostility => ({
    arrange: () => {
      server.logOfNewJobs = log;
    },
    endsAs: ['succeeded'],
  });
  return {
    config: {
      ...{ type: 'github-actions', repository: server.repository, workflow: 'deploy.yml', ref: 'main' },
      ...{ server: server.api, token: 'env:GITHUB_TOKEN' },
    },
    secrets: { token: TOKEN },
    time,
    life,
    otherAgent: life,
    begun: (id) => server.runsOf(id).length,
    goesOn: (id) => server.runsOf(id).some(({ status }) => status !== 'completed'),
    finish: (id, how) => {
      const run = runOf(id);
      if (run) server.conclude(run, how === 'succeeded' ? 'success' : 'failure');
    },
    observesElsewhere: true,
    instants: (reached) => void (server.witness = reached),
    loseStartAnswer: () => server.misbehave({ ...dispatches, loseAnswer: true }),
    startAnswers502AfterDoing: () => server.misbehave({ ...dispatches, afterwards: { status: 502, text: 'bad gateway' } }),
    down: () => server.stop(),
    up: async () => void (await server.start()),
    slow: () => server.misbehave({ path: /./, delayMs: 100, times: 1_000 }),
    ignoreCancel: () => server.misbehave({ method: 'POST', path: /cancel$/, instead: { status: 202, body: {} }, times: 1_000 }),
    askPerson: (id) => {
      const run = runOf(id);
      const pending = [{ environment: 'production', reviewers: ['ann'], waitMinutes: 0 }];
      if (run) server.change(run, { status: 'waiting', pending });
    },
    personActs: (id) => {
      const run = runOf(id);
      if (run) server.change(run, { status: 'in_progress', pending: [] });
    },
    hostile: {
      'much output': logs('x'.repeat(2_000_000)),
      'control characters and terminal sequences': logs('\u0000\u001b[31mred\u001b[0m\u0007'),
      'the token in the log': logs(`the token is ${TOKEN}\n`),
      'a run that is a list': polls([1, 2, 3]),
      'a run of other types': polls({ id: 'x', status: 7, conclusion: {}, html_url: 'javascript:alert(1)' }),
      'an enormous status': polls({ id: 1, status: 'x'.repeat(1_000_000) }),
      // At an Enterprise Server the first dispatch is refused for its field, which nobody can know who gets no answer to that.
      ...(options.enterprise
        ? {}
        : {
            'a dispatch answered with a page': {
              arrange: () => server.misbehave({ ...dispatches, afterwards: { status: 200, text: '<html>ok</html>' } }),
              endsAs: ['succeeded'],
            },
          }),
    },
    close: async () => {
      for (const { kill } of lives) await kill();
      await server.stop();
      return server.violations;
    },
  };
}
