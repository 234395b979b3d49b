import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { connect as apolloMultipart } from '../src/apollo-multipart.js';
import { connect as apolloWs } from '../src/apollo-ws.js';
import { BUILDINGS, type Board, type Buildings, type Example, type Step, type Token } from '../src/example.js';
import { connect as graphqlSse } from '../src/graphql-sse.js';
import { connect as graphqlWs } from '../src/graphql-ws.js';
import { connect as urqlFetch } from '../src/urql-fetch.js';
import { connect as urqlWs } from '../src/urql-ws.js';
import { Caretaker } from './caretaker.js';

const CLIENTS: Record<string, (server: URL, token: Token) => Example> = {
  'graphql-ws': graphqlWs,
  'graphql-sse': graphqlSse,
  'Apollo Client, multipart': apolloMultipart,
  'Apollo Client, graphql-ws': apolloWs,
  'urql, fetch': urqlFetch,
  'urql, graphql-ws': urqlWs,
};

for (const [name, connect] of Object.entries(CLIENTS)) {
  describe(name, () => {
    let caretaker: Caretaker;
    let client: Example;
    let known: string[];
    before(async () => {
      caretaker = await Caretaker.start();
      await caretaker.simulate(40, 1);
      known = (await caretaker.ask<Buildings>(BUILDINGS)).buildings.nodes.map(({ id }) => id);
      client = connect(caretaker.url, () => caretaker.token);
    }, { timeout: 90_000 });
    after(async () => {
      client?.close();
      await caretaker?.remove();
    });

    test('asks a query', { timeout: 60_000 }, async () => {
      const { buildings } = await caretaker.ask<Buildings>(BUILDINGS);
      assert.ok(buildings.nodes.length > 0);
      assert.deepEqual(await client.buildings(), buildings.nodes);
    });

    test('follows what happens: none missing, none twice, in order', { timeout: 120_000 }, async (t) => {
      const feed = new Following(client, null);
      t.after(() => feed.stop());
      await feed.until('the first step', () => feed.cursor !== undefined);
      const begin = feed.first;
      await caretaker.simulate(50, 2);
      await feed.equals(caretaker, begin);
    });

    test('comes back after a restart to where it was', { timeout: 180_000 }, async (t) => {
      const feed = new Following(client, null);
      t.after(() => feed.stop());
      await feed.until('the first step', () => feed.cursor !== undefined);
      const begin = feed.first;
      // In the middle of events: what is not taken in the platforms would send again.
      const told = caretaker.simulate(100, 3).then(() => {}, () => {});
      await feed.until('events', () => feed.ids.length > 10);
      await caretaker.stop();
      const seen = feed.ids.length;
      await caretaker.simulateElsewhere(30, 4);
      await caretaker.startAgain();
      await told;
      await caretaker.simulate(20, 5);
      await feed.equals(caretaker, begin);
      assert.ok(feed.ids.length > seen + 30, 'nothing happened while it was away');
    });

    test('is refused with a bad token and let in with the next', { timeout: 60_000 }, async (t) => {
      let asked = 0;
      const unsure = connect(caretaker.url, () => ((asked += 1) === 1 ? 'not.a.token' : caretaker.token));
      t.after(() => unsure.close());
      const feed = new Following(unsure, null);
      t.after(() => feed.stop());
      await feed.until('the first step', () => feed.cursor !== undefined);
      assert.ok(asked >= 2, 'what is no token was taken');
    });

    test('shows buildings as they stand, and again as they change', { timeout: 120_000 }, async (t) => {
      const before = await boards(caretaker, known);
      const told = new Map<string, (Board | null)[]>(known.map((id) => [id, []]));
      const failed = new Promise<never>((_, reject) => {
        for (const [id, list] of told) {
          const error = (cause: unknown): void => reject(failure(cause));
          t.after(client.board(id, { next: (board) => list.push(board), error }));
        }
      });
      const wait = (what: string, holds: () => boolean): Promise<void> => Promise.race([failed, until(what, holds)]);
      await wait('the buildings as they stand', () => [...told.values()].every((list) => list.length > 0));
      assert.deepEqual(known.map((id) => plain(told.get(id)?.[0])), before);

      await caretaker.simulate(100, 1); // more of the same buildings' history
      const now = await boards(caretaker, known);
      const changed = known.filter((_, nth) => !isDeepStrictEqual(before[nth], now[nth]));
      assert.ok(changed.length > 0, 'nothing happened there');
      await wait('the buildings as they have become', () =>
        isDeepStrictEqual(known.map((id) => plain(told.get(id)?.at(-1))), now),
      );
      for (const id of changed) assert.ok((told.get(id)?.length ?? 0) > 1);
    });
  });
}

/** A feed that is being read, and what came of it. */
class Following {
  cursor: string | undefined;
  /** That of the first step, which tells where it begins: by the time it is looked at, more may have come. */
  first: string | undefined;
  readonly ids: string[] = [];
  readonly stop: () => void;
  readonly #failed: Promise<never>;

  constructor(client: Example, from: string | null) {
    let fail: (cause: Error) => void = () => {};
    this.#failed = new Promise((_, reject) => (fail = reject));
    this.#failed.catch(() => {}); // it is told where something is waited for
    this.stop = client.follow(from, {
      next: ({ cursor, activity }: Step) => {
        this.cursor = cursor;
        this.first ??= cursor;
        if (activity) this.ids.push(activity.id);
      },
      error: (cause) => fail(failure(cause)),
    });
  }

  until(what: string, holds: () => boolean): Promise<void> {
    return Promise.race([this.#failed, until(what, holds)]);
  }

  /** Waits until all is there that was recorded after `begin`, and fails unless it is exactly that. */
  async equals(caretaker: Caretaker, begin: string | undefined): Promise<void> {
    // What the server does by itself may follow the last event: then the feed is ahead of what was asked.
    let recorded: string[] = [];
    for (let round = 0; round < 10 && (round === 0 || this.ids.length > recorded.length); round += 1) {
      recorded = await recordedAfter(caretaker, begin);
      await this.until('the last of the events', () => this.ids.length >= recorded.length);
    }
    assert.deepEqual(this.ids, recorded);
    assert.ok(recorded.length > 20, `${recorded.length} events prove nothing`);
  }
}

/** The same feed as a query. */
async function recordedAfter(caretaker: Caretaker, begin: string | undefined): Promise<string[]> {
  const ids: string[] = [];
  for (let after = begin; ; ) {
    interface Page {
      activities: { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    }
    const { activities }: Page = await caretaker.ask(
      'query($after: String) { activities(first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }',
      { after },
    );
    ids.push(...activities.nodes.map(({ id }) => id));
    if (!activities.pageInfo.hasNextPage) return ids;
    after = activities.pageInfo.endCursor;
  }
}

async function boards(caretaker: Caretaker, ids: string[]): Promise<Board[]> {
  const { nodes } = await caretaker.ask<{ nodes: Board[] }>(
    'query($ids: [ID!]!) { nodes(ids: $ids) { ... on Building { id name openIncidentCount incidents { totalCount } } } }',
    { ids },
  );
  return nodes;
}

/** Without what a client adds (`__typename`). */
function plain(board: Board | null | undefined): Board | null | undefined {
  if (!board) return board;
  const { id, name, openIncidentCount, incidents } = board;
  return { id, name, openIncidentCount, incidents: { totalCount: incidents.totalCount } };
}

function failure(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(JSON.stringify(cause));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((wait) => setTimeout(wait, 20));
  }
}
