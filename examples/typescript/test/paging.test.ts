import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openIncidents, type OpenIncident } from '../src/incident.js';
import { Caretaker } from './caretaker.js';

let caretaker: Caretaker;
before(async () => {
  caretaker = await Caretaker.start();
  assert.ok(await caretaker.simulate(800, 5));
}, { timeout: 60_000 });
after(() => caretaker.remove());

async function all(pageSize: number): Promise<OpenIncident[]> {
  const incidents: OpenIncident[] = [];
  for await (const incident of openIncidents(caretaker.url, pageSize)) incidents.push(incident);
  return incidents;
}

test('pages of any size are the same list, to its end', { timeout: 60_000 }, async () => {
  const whole = await all(100);
  assert.ok(whole.length > 7 && whole.length <= 100, `${whole.length} open incidents fit no test of paging`);
  assert.equal(new Set(whole.map(({ id }) => id)).size, whole.length);
  const times = whole.map(({ reportedAt }) => Date.parse(reportedAt));
  assert.deepEqual(times, times.toSorted((a, b) => b - a));
  for (const pageSize of [1, 3, whole.length - 1, whole.length]) assert.deepEqual(await all(pageSize), whole);
});

test('what is reported meanwhile shows nothing twice and leaves nothing out', { timeout: 60_000 }, async () => {
  const before = (await all(100)).map(({ id }) => id);
  const seen: string[] = [];
  for await (const { id } of openIncidents(caretaker.url, 2)) {
    if (seen.push(id) === 3) assert.ok(await caretaker.simulate(60, 6));
  }
  assert.equal(new Set(seen).size, seen.length);
  const still = new Set((await all(100)).map(({ id }) => id));
  assert.deepEqual(before.filter((id) => still.has(id) && !seen.includes(id)), []);
});
