import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, follow, type Step } from '../src/activity.js';
import { ask } from '../src/ask.js';
import { graphql } from '../src/generated/gql.js';
import { Caretaker } from './caretaker.js';

const RecordedActivities = graphql(`
  query RecordedActivities($after: String) {
    activities(first: 100, after: $after) {
      nodes { id }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

let caretaker: Caretaker;
before(async () => {
  caretaker = await Caretaker.start();
}, { timeout: 60_000 });
after(() => caretaker.remove());

test('a feed survives kill -9 of the server: no event lost, none twice, all in order', { timeout: 180_000 }, async (t) => {
  const steps: Step[] = [];
  const received = (): string[] => steps.flatMap(({ activity }) => activity?.id ?? []);
  const client = connect(caretaker.url);
  let connections = 0;
  client.on('connected', () => (connections += 1));
  const stop = new AbortController();
  t.after(() => stop.abort());
  t.after(() => client.dispose());
  const following = follow(client, undefined, (step) => steps.push(step), stop.signal);
  // `until` would wait for ever for a feed that has failed.
  const failed = following.then(() => assert.ok(stop.signal.aborted, 'the feed ended by itself'));
  const wait = (what: string, holds: () => boolean): Promise<void> => Promise.race([failed, until(what, holds)]);

  await wait('the first step', () => steps.length > 0);
  const begin = steps[0]?.cursor;
  assert.ok(begin);
  for (const seed of [1, 2, 3]) {
    const before = received().length;
    const told = caretaker.simulate(150, seed);
    await wait('events to come', () => received().length > before);
    await caretaker.kill(); // in the middle of them
    await told;
    await caretaker.startAgain();
  }
  assert.ok(await caretaker.simulate(20, 4));

  // What the server does by itself may follow the last event (it takes the places' names over, and tells what they
  // join): then the feed is ahead of what was asked, and is asked again.
  let recorded: string[] = [];
  for (let round = 0; round < 10 && (round === 0 || received().length > recorded.length); round += 1) {
    recorded = await recordedAfter(begin);
    await wait('the last of the events', () => received().length >= recorded.length);
  }
  assert.deepEqual(received(), recorded);
  assert.ok(recorded.length > 20, `${recorded.length} events prove nothing`);
  assert.ok(connections >= 4, `it connected ${connections} times: the server did not go away`);

  stop.abort();
  await following;
});

/** The same feed as a query: what the subscription has to equal. */
async function recordedAfter(cursor: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after = cursor; ; ) {
    const { activities } = await ask(caretaker.url, RecordedActivities, { after });
    ids.push(...activities.nodes.map(({ id }) => id));
    if (!activities.pageInfo.hasNextPage || !activities.pageInfo.endCursor) return ids;
    after = activities.pageInfo.endCursor;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((wait) => setTimeout(wait, 20));
  }
}
