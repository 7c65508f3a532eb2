import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { commandExamples } from '@recourse/contracts/examples';
import { systemClock as clock, systemIds as ids } from '@recourse/infra/system';
import { brokenIn, openRoom, type Room, talkIn } from '../../../test/foreign/participant.ts';
import { describeWithPython } from '../../../test/foreign/python.ts';
import { runRecourse } from '../testing/run-recourse.ts';
import { conform } from './conform.ts';

await describeWithPython('conform', () => {
  let room: Room;
  beforeEach(async () => {
    room = await openRoom();
  });
  afterEach(() => room.dispose());

  const tried = async (fault?: string, answerMsMax = 15_000, data = commandExamples) => {
    await room.start(fault);
    const talk = await talkIn(room, answerMsMax);
    try {
      const { prefix } = room;
      return await conform({ talk, participant: 'shipping', data, ids, clock, prefix, startMsMax: 20_000 });
    } finally {
      await talk.close();
    }
  };

  it('finds that the example keeps every promise', async () => {
    const result = await tried();
    expect(result.checks.filter(({ kept }) => !kept)).toEqual([]);
    expect(result.checks.length).toBeGreaterThanOrEqual(13);
    expect(result.slowestMs).toBeGreaterThan(0);
  });

  it.each([
    ['another_parcel_each_time', ['same-answer', 'consistent']],
    ['no_tombstone', ['late-do', 'consistent']],
    ['no_pivot', ['undo', 'consistent']],
    ['answers_once', ['answers']],
    ['obeys_anything', ['unknown', 'schema', 'consistent']],
    ['another_envelope', ['envelope', 'schema']],
  ])('names the promises that are broken by %s', async (fault, broken) => {
    const patience = fault === 'answers_once' ? 4_000 : 15_000;
    expect(brokenIn(await tried(fault, patience)).sort()).toEqual([...broken].sort());
  });

  it('tells that a step was refused from a step that was done', async () => {
    const data = { ...commandExamples, ShipOrder: { country: 'ZZ-refused' } };
    const result = await tried(undefined, 15_000, data);
    expect(brokenIn(result)).toEqual(['done']);
    expect(result.checks.find(({ promise }) => promise === 'undo')?.detail).toBe(
      'ShipmentCancelled, nothing: true after ShippingFailed',
    );
  });

  it('is a command that says by its exit code whether all was kept', async () => {
    await room.start('no_pivot');
    const environment = { KAFKA_BROKERS: room.kafka.brokers.join(','), KAFKA_REPLICATION_FACTOR: '1' };
    const args = ['conform', 'shipping', '--prefix', room.prefix];
    const told = await runRecourse(args, environment);
    expect([told.code, told.stdout]).toEqual([
      1,
      expect.stringContaining('shipping breaks 2 of 12 promises:'),
    ]);
    const json = await runRecourse([...args, '--json'], environment);
    expect(JSON.parse(json.stdout)).toMatchObject({
      participant: 'shipping',
      prefix: room.prefix,
      kept: false,
    });
    const own = await runRecourse(args, { ...environment, KAFKA_TOPIC_PREFIX: room.prefix });
    expect([own.code, own.stderr]).toEqual([
      1,
      expect.stringContaining("these topics are an installation's own"),
    ]);
  });

  it('says that nobody answers', async () => {
    const talk = await talkIn(room, 300);
    const trying = {
      talk,
      participant: 'shipping',
      data: commandExamples,
      ids,
      clock,
      prefix: room.prefix,
    } as const;
    await expect(conform({ ...trying, startMsMax: 500 })).rejects.toMatchObject({ code: 'no-answer' });
    await talk.close();
  });
});
