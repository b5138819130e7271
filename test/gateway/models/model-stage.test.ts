import { Quality } from '@lineside/shared/contracts/quality.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { Playback, recording, rowAt, SCORE, STEP } from './playback.ts';

const ROWS = 36;
const open: Playback[] = [];

async function started(...args: ConstructorParameters<typeof Playback>): Promise<Playback> {
  const playback = new Playback(...args);
  open.push(playback);
  await playback.stage.start();
  return playback;
}

afterEach(async () => {
  for (const playback of open.splice(0)) await playback.stage.stop();
});

describe('the committed pump model on the recording', () => {
  it('stays below 1 in a healthy week that it has not seen, but for 1 % of the rows', async () => {
    const pump = await started();
    const scores = await pump.play(rowAt('2014-02-13T18:00:00Z'), 1_600);
    expect(scores).toHaveLength(1_600 - ROWS + 1);
    expect(scores.filter((s) => s > 1).length / scores.length).toBeLessThan(0.01);
    expect(pump.stage.status()).toMatchObject({
      state: 'running',
      reason: '',
      inferences: scores.length,
      skipped: 0,
    });
  });

  it.each([
    ['2013-12-10T06:25:00Z', 1.5],
    ['2013-12-15T17:50:00Z', 10],
    ['2014-01-27T14:20:00Z', 1.5],
    ['2014-02-07T14:55:00Z', 3],
  ])('crosses 1 for at least three rows in the failure of %s', async (from, greatest) => {
    const pump = await started();
    const scores = await pump.play(rowAt(from) - ROWS, 565);
    let run = 0;
    let longest = 0;
    for (const score of scores) {
      run = score > 1 ? run + 1 : 0;
      longest = Math.max(longest, run);
    }
    expect(longest).toBeGreaterThanOrEqual(3);
    expect(Math.max(...scores)).toBeGreaterThan(greatest);
  });

  it('gives each score the time of its row, on the device of its first input', async () => {
    const pump = await started();
    await pump.play(0, ROWS + 1);
    const [before, first, second] = pump.frames.slice(-3);
    expect(first).toMatchObject({ device: 'pump', tags: [SCORE], quality: [Quality.Good] });
    expect(second!.sourceAt[0]).toBe(pump.now);
    expect(second!.sourceAt[0]! - first!.sourceAt[0]!).toBe(STEP);
    expect(before!.quality).toEqual([Quality.BadWaitingForInitialData]);
    expect(pump.stage.status()).toMatchObject({ lastScore: second!.values[0], lastScoreAt: pump.now });
  });
});

describe('a window with a gap', () => {
  it.each([
    ['NaN', Number.NaN, Quality.Good, /pump\/temperature is not a finite number \(NaN\)/],
    ['Infinity', Number.POSITIVE_INFINITY, Quality.Good, /not a finite number/],
    ['a text', 'warm', Quality.Good, /not a finite number \(warm\)/],
    ['a Bad value', 80, Quality.BadSensorFailure, /is of Bad quality \(BadSensorFailure\)/],
    ['null and Bad', null, Quality.BadTimeout, /is of Bad quality \(BadTimeout\)/],
  ])(
    '%s never reaches the model: Bad once, and scores again after a whole window',
    async (_, value, quality, why) => {
      const pump = await started();
      await pump.play(0, ROWS + 4);
      const inferences = pump.stage.status().inferences;
      const frames = pump.frames.length;
      await pump.step(value, quality);
      expect(pump.stage.status()).toMatchObject({ state: 'waiting', inferences });
      expect(pump.stage.status().reason).toMatch(why);
      await pump.play(100, ROWS - 1);
      expect(pump.samples().slice(frames)).toEqual([[null, Quality.BadNoData]]);
      const again = await pump.play(100 + ROWS, 1);
      expect(again).toHaveLength(1);
      expect(pump.stage.status()).toMatchObject({ state: 'running', inferences: inferences + 1 });
      expect(pump.statuses.map((s) => s.state)).toEqual(['waiting', 'running', 'waiting', 'running']);
    },
  );

  it('holds a value for three steps and then says how long nothing has come', async () => {
    const pump = await started();
    await pump.play(0, ROWS);
    for (let i = 0; i < 2; i++) await pump.step(undefined);
    expect(pump.stage.status().state).toBe('running');
    await pump.step(undefined);
    expect(pump.stage.status().state).toBe('waiting');
    expect(pump.stage.status().reason).toContain('pump/temperature has sent nothing for 3.5 s');
    expect(pump.samples().at(-1)).toEqual([null, Quality.BadNoData]);
  });

  it('keeps to the configured age', async () => {
    const pump = await started({ maxAgeMs: 20_000 });
    await pump.play(0, ROWS);
    for (let i = 0; i < 19; i++) await pump.step(undefined);
    expect(pump.stage.status().state).toBe('running');
    await pump.step(undefined);
    expect(pump.stage.status().state).toBe('waiting');
  });

  it('scores an Uncertain input, and says that the score is Uncertain until it has left the window', async () => {
    const pump = await started();
    await pump.play(0, ROWS);
    await pump.step(85, Quality.UncertainLastUsableValue);
    expect(pump.samples().at(-1)![1]).toBe(Quality.Uncertain);
    await pump.play(ROWS, ROWS - 1);
    expect(pump.samples().at(-1)![1]).toBe(Quality.Uncertain);
    await pump.play(2 * ROWS, 1);
    expect(pump.samples().at(-1)![1]).toBe(Quality.Good);
  });

  it('says Bad instead of a score that overflows', async () => {
    const pump = await started();
    await pump.play(0, ROWS);
    await pump.step(1e300);
    expect(pump.samples().at(-1)).toEqual([null, Quality.BadOutOfRange]);
    await pump.play(0, ROWS);
    expect(pump.stage.status().state).toBe('running');
  });

  it('begins anew when the wall clock is set back', async () => {
    const pump = await started();
    await pump.play(0, ROWS);
    pump.now -= 3_600_000;
    await pump.step(recording.rows[ROWS]![0]!);
    expect(pump.stage.status().state).toBe('waiting');
    await pump.play(ROWS, ROWS);
    expect(pump.stage.status().state).toBe('running');
  });
});

describe('the stage in the pipeline', () => {
  it('keeps one inference in flight and skips what is due meanwhile', async () => {
    const pump = await started();
    await pump.play(0, ROWS);
    const ticks = [1, 2, 3].map((n) => pump.stage.tick(pump.now + n * STEP));
    await Promise.all(ticks);
    expect(pump.stage.status()).toMatchObject({ inferences: 2, skipped: 2 });
  });

  it('uses the values of the time when a tick comes late', async () => {
    const onTime = await started();
    const late = await started();
    await onTime.play(0, ROWS);
    const tick = late.stage.tick.bind(late.stage);
    late.stage.tick = async () => {};
    await late.play(0, ROWS);
    await tick(late.now);
    expect(late.scores()).toEqual(onTime.scores());
  });

  it('takes no late history for the present', async () => {
    const pump = await started();
    await pump.play(0, ROWS);
    const reference = await started();
    await reference.play(0, ROWS);
    await reference.step(80);
    const at = pump.now + STEP / 2;
    pump.stage.observe({ device: 'pump', receivedAt: at, tags: [7], sourceAt: [at], values: [80], quality: [0] });
    pump.stage.observe({
      device: 'pump',
      receivedAt: at + 1,
      tags: [7],
      sourceAt: [at - 60_000],
      values: [5],
      quality: [0],
    });
    await pump.step(undefined);
    expect(pump.scores().at(-1)).toBe(reference.scores().at(-1));
  });

  it('runs by its own timer', async () => {
    const pump = await started({ stepMs: 20, maxAgeMs: 5_000 }, { after: undefined, now: () => Date.now() });
    const feed = setInterval(() => {
      const at = Date.now();
      pump.stage.observe({ device: 'pump', receivedAt: at, tags: [7], sourceAt: [at], values: [84], quality: [0] });
    }, 5);
    try {
      await expect.poll(() => pump.stage.status().inferences, { timeout: 8_000 }).toBeGreaterThan(3);
    } finally {
      clearInterval(feed);
    }
    await pump.stage.stop();
    const { inferences } = pump.stage.status();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(pump.stage.status().inferences).toBe(inferences);
  });

  it.each([
    [{ inputs: { temperature: 'pump/temprature' } }, /input temperature: there is no tag pump\/temprature/],
    [{ inputs: { warmth: 'pump/temperature' } }, /no tag for temperature; warmth unknown to the model/],
    [{ file: 'nowhere.json' }, /cannot read the model file .*nowhere\.json/],
  ])('switches itself off with a reason when it is configured wrongly: %j', async (config, reason) => {
    const pump = await started(config);
    expect(pump.stage.status()).toMatchObject({ state: 'failed', reason: expect.stringMatching(reason) });
    expect(pump.samples()).toEqual([[null, Quality.BadOutOfService]]);
    await pump.play(0, 3);
    expect(pump.frames).toHaveLength(1);
    expect(pump.statuses).toHaveLength(1);
  });

  it('stops twice, and before it has started', async () => {
    const pump = new Playback();
    await pump.stage.stop();
    await pump.stage.start();
    await pump.stage.stop();
    expect(pump.frames).toEqual([]);
  });
});
