import { ArgoCdServer, type StandingApplication } from '@slipway/testkit';
import { ArgoCdExecutor } from '../../../agents/src/executors/argo-cd/argo-cd.js';
import { VendorClients } from '../../../agents/src/vendor/vendor-clients.js';
import { HurriedTime } from '../../../agents/test/hurried-time.js';
import type { Hostility, Life, Subject } from '../subject.js';

const TOKEN = 'argo-token-of-the-executor-kit';

/** Argo CD with one Application; its syncs are taken up at once, and end when the story says so. */
export async function argoCdSubject(): Promise<Subject> {
  const server = await new ArgoCdServer().start();
  server.tokens.clear();
  server.tokens.set(TOKEN, 'proj:shop:slipway');
  const app: StandingApplication = server.have('checkout');
  const { controller } = server;
  controller.takesUpAtOnce = true;
  const time = new HurriedTime(50);
  const lives: VendorClients[] = [];
  const life = (): Life => {
    const clients = new VendorClients({ clock: time, timers: time, random: () => 0.5 });
    lives.push(clients);
    return { executor: new ArgoCdExecutor(clients), kill: () => clients.close() };
  };
  const runIn = (operation: StandingApplication['operation']): unknown => operation?.['info']?.[0]?.value;
  const syncs = { method: 'POST', path: /\/sync$/ };
  const reads = (body: unknown): Hostility => ({
    arrange: () => server.misbehave({ ...syncs, afterwards: { status: 200, body } }),
    endsAs: ['succeeded'],
  });
  const says = (message: string): Hostility => ({ arrange: () => void (controller.messageOfSync = message), endsAs: ['succeeded'] });
  return {
    config: {
      ...{ type: 'argo-cd', server: server.url, token: 'env:ARGOCD_TOKEN' },
      ...{ application: { name: 'checkout', project: 'shop' } },
    },
    secrets: { token: TOKEN },
    time,
    life,
    otherAgent: life,
    begun: (id) => server.operations.filter((operation) => runIn(operation) === id).length,
    goesOn: (id) => runIn(app.operation) === id,
    finish: (_id, how) => {
      controller.finish(app, how === 'succeeded' ? 'Succeeded' : 'Failed', { message: controller.messageOfSync });
      controller.reconcile(app);
    },
    observesElsewhere: true,
    instants: (reached) => void (server.witness = reached),
    loseStartAnswer: () => server.misbehave({ ...syncs, loseAnswer: true }),
    startAnswers502AfterDoing: () => server.misbehave({ ...syncs, afterwards: { status: 502, text: 'bad gateway' } }),
    down: () => server.stop(),
    up: async () => void (await server.start()),
    slow: () => server.misbehave({ path: /./, delayMs: 50, times: 1_000 }),
    ignoreCancel: () => server.misbehave({ method: 'DELETE', path: /operation$/, instead: { status: 200, body: {} }, times: 1_000 }),
    hostile: {
      'much text': says('x'.repeat(2_000_000)),
      'control characters and terminal sequences': says('\u0000\u001b[31mred\u001b[0m\u0007'),
      'the token in a message': says(`the token is ${TOKEN}`),
      'a sync answered with a list': reads([1, 2, 3]),
      'a sync answered with other types': reads({ metadata: 7, operation: 'x', status: [] }),
      'a sync answered with a page': {
        arrange: () => server.misbehave({ ...syncs, afterwards: { status: 200, text: '<html>ok</html>' } }),
        endsAs: ['succeeded'],
      },
      'an Application of other types': {
        arrange: () => server.misbehave({ method: 'GET', path: /checkout$/, instead: { status: 200, body: { metadata: { name: [] } } } }),
      },
    },
    close: async () => {
      for (const clients of lives) await clients.close();
      await server.stop();
      return server.violations;
    },
  };
}
