import { describe, expect, it } from '@jest/globals';
import { health, Mesh } from './mesh.js';

/** One job that asks, at its agent anna. */
async function asking(words: object = { question: 'aaaa1111' }): Promise<{ mesh: Mesh; id: string }> {
  const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
  await mesh.release('1.0.0');
  const [job] = await mesh.offered();
  await mesh.granted('anna', job!.id);
  await mesh.report('anna', job!.id, { verb: 'started', epoch: 1, n: 1 });
  await mesh.report('anna', job!.id, { verb: 'actionRequired', epoch: 1, n: 2, message: '2 to add', ...words });
  return { mesh, id: job!.id };
}

const verbs = (mesh: Mesh): unknown[] => mesh.said('evt.job.checkout.production.host-1.').map(({ body }) => body['verb']);

describe('slipway confirm', () => {
  it('is told to the agent at once and with every renewal, and kept with who, when and why', async () => {
    const { mesh, id } = await asking();
    expect(await mesh.renew('anna', id, 1)).not.toHaveProperty('confirmed');
    const at = mesh.now;
    expect(await mesh.ask('scheduler.confirm', { job: id, question: 'aaaa1111', reason: 'I read it' })).toEqual({
      done: `job ${id} is confirmed (2 to add); agent anna goes on`,
    });
    expect(mesh.nudged).toEqual(['anna']);
    for (let time = 0; time < 2; time += 1) expect(await mesh.renew('anna', id, 1)).toMatchObject({ go: 'on', confirmed: 'aaaa1111' });
    const confirmation = { question: 'aaaa1111', by: 'user:ada', reason: 'I read it', at };
    expect((await mesh.jobs({ id }))[0]).toMatchObject({ state: 'actionRequired', confirmation });
    expect(mesh.said('evt.job.checkout.production.host-1.confirmed')).toMatchObject([{ body: { job: id, confirmation } }]);
    expect(mesh.said('evt.command.checkout.production.confirmed')).toMatchObject([
      { body: { job: id, by: 'user:ada', reason: 'I read it' } },
    ]);
    await mesh.report('anna', id, { verb: 'progress', epoch: 1, n: 3, message: 'applying' });
    await mesh.report('anna', id, { verb: 'succeeded', epoch: 1, n: 4 });
    expect((await mesh.jobs({ id }))[0]).toMatchObject({ state: 'succeeded', confirmation });
    expect(verbs(mesh)).toEqual(['started', 'actionRequired', 'confirmed', 'succeeded']);
  });

  it('twice is once', async () => {
    const { mesh, id } = await asking();
    await mesh.ask('scheduler.confirm', { job: id });
    expect(await mesh.ask('scheduler.confirm', { job: id })).toEqual({ done: `job ${id} was confirmed by user:ada already` });
    expect(mesh.said('evt.command.checkout.production.confirmed')).toHaveLength(1);
    expect(mesh.nudged).toEqual(['anna']);
  });

  it('of a question that was changed meanwhile is refused, with what is asked now; and an answer given before is void', async () => {
    const { mesh, id } = await asking();
    await mesh.ask('scheduler.confirm', { job: id, question: 'aaaa1111' });
    await mesh.report('anna', id, { verb: 'actionRequired', epoch: 1, n: 3, message: '2 to add, 40 to destroy', question: 'bbbb2222' });
    expect(await mesh.renew('anna', id, 1)).not.toHaveProperty('confirmed');
    await expect(mesh.ask('scheduler.confirm', { job: id, question: 'aaaa1111' })).rejects.toMatchObject({
      code: 'scheduler.job.confirm.otherQuestion',
      message: expect.stringContaining(`2 to add, 40 to destroy. If that is right too: \`slipway confirm ${id} --question bbbb2222\`.`),
    });
    await mesh.ask('scheduler.confirm', { job: id, question: 'bbbb2222' });
    expect(verbs(mesh)).toEqual(['started', 'actionRequired', 'confirmed', 'actionRequired', 'confirmed']);
  });

  it('goes with the job to the agent that takes it over, and the lost one hears nothing', async () => {
    const { mesh, id } = await asking();
    await mesh.ask('scheduler.confirm', { job: id });
    await mesh.pass(31_000);
    const { epoch, observeFirst } = await mesh.granted('bert', id);
    expect([epoch, observeFirst]).toEqual([2, true]);
    expect(await mesh.renew('anna', id, 1)).toEqual({ job: id, go: 'stop', leaseMs: expect.any(Number) });
    expect(await mesh.renew('bert', id, 2)).toMatchObject({ go: 'on', confirmed: 'aaaa1111' });
  });

  it('is refused with a code where it answers nothing', async () => {
    const { mesh, id } = await asking({ link: 'https://vendor.example/runs/1' });
    const code = (job: string): Promise<unknown> =>
      mesh.ask('scheduler.confirm', { job }).then(
        () => 'done',
        (error: { code: string; kind: string; message: string }) => [error.code, error.kind, error.message],
      );
    expect(await code('nope')).toEqual(['scheduler.job.missing', 'missing', expect.stringContaining('there is no job nope')]);
    expect(await code(id)).toEqual([
      'scheduler.job.confirm.elsewhere',
      'conflict',
      `Confirming job ${id}: it waits for what can only be done at https://vendor.example/runs/1: 2 to add.`,
    ]);
    await mesh.report('anna', id, { verb: 'progress', epoch: 1, n: 3 });
    expect(await code(id)).toMatchObject(['scheduler.job.confirm.notAsked', 'conflict', expect.any(String)]);
    await mesh.report('anna', id, { verb: 'succeeded', epoch: 1, n: 4 });
    expect(await code(id)).toMatchObject(['scheduler.job.confirm.over', 'conflict', expect.any(String)]);
    expect(mesh.nudged).toEqual([]);
  });

  it('shows in the status and in the rollout: what is asked, how to answer, and that somebody has', async () => {
    const { mesh, id } = await asking();
    const shown = async (): Promise<unknown[]> => [(await mesh.cell()).attention, (await mesh.rollout('1.0.0')).members[0]?.job?.waits];
    const ask = `slipway confirm ${id} --question aaaa1111`;
    expect(await shown()).toEqual([[`host-1: 2 to add; say yes with \`${ask}\``], { for: 'person', sentence: '2 to add', ask }]);
    await mesh.ask('scheduler.confirm', { job: id, reason: 'fine' });
    const sentence = 'confirmed by user:ada (fine); agent anna goes on with its next word';
    expect(await shown()).toEqual([[`host-1: ${sentence}`], { for: 'person', sentence }]);
    const elsewhere = await asking({ link: 'https://vendor.example/runs/1' });
    expect((await elsewhere.mesh.cell()).attention).toEqual(['host-1: 2 to add (at https://vendor.example/runs/1)']);
  });
});
