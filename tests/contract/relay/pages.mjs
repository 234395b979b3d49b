// Relay itself reads from a running caretaker: the first page, the next ones into the same connection, a thing fetched
// again by its id, and the feed's interface.
//   node relay/pages.mjs http://127.0.0.1:8080
import assert from 'node:assert/strict';
import relay from 'relay-runtime';
import ActivityQuery from './__generated__/operationsActivityQuery.graphql.js';
import BuildingsQuery from './__generated__/operationsBuildingsQuery.graphql.js';
import IncidentsQuery from './__generated__/operationsIncidentsQuery.graphql.js';

const { ConnectionHandler, Environment, Network, RecordSource, Store, createOperationDescriptor, fetchQuery } = relay;
const server = new URL(process.argv[2] ?? 'http://127.0.0.1:8080');
const PAGE = 3;

const environment = new Environment({
  network: Network.create(async ({ text }, variables) => {
    const response = await fetch(new URL('graphql', server), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    });
    return response.json();
  }),
  store: new Store(new RecordSource()),
});

/** Fetches, and keeps what was fetched as a mounted component would. */
async function load(query, variables) {
  environment.retain(createOperationDescriptor(query, variables));
  return fetchQuery(environment, query, variables).toPromise();
}

function connection(id) {
  let found;
  environment.commitUpdate((store) => {
    const list = ConnectionHandler.getConnection(store.get(id), 'operations_incidents');
    const page = list.getLinkedRecord('pageInfo');
    found = {
      ids: list.getLinkedRecords('edges').map((edge) => edge.getLinkedRecord('node').getDataID()),
      total: list.getValue('totalCount'),
      cursor: page.getValue('endCursor'),
      more: page.getValue('hasNextPage'),
      activities: list
        .getLinkedRecords('edges')
        .flatMap((edge) => edge.getLinkedRecord('node').getLinkedRecord('timeline', { first: 3 }).getLinkedRecords('nodes'))
        .map((activity) => activity.getDataID()),
    };
  });
  return found;
}

const { buildings } = await load(BuildingsQuery, { count: PAGE });
const { id, name } = buildings.nodes.find(({ id }) => connection(id).total > 2 * PAGE) ?? {};
assert.ok(id, 'no building has incidents for three pages: fill the server first (caretaker simulate)');

let list = connection(id);
assert.equal(list.ids.length, PAGE);
for (let pages = 1; list.more; pages += 1) {
  assert.ok(pages < 100, 'the list has no end');
  await load(IncidentsQuery, { id, count: PAGE, cursor: list.cursor });
  list = connection(id);
}
assert.equal(list.ids.length, list.total);
assert.equal(new Set(list.ids).size, list.total);

const [activity] = list.activities;
const { node } = await load(ActivityQuery, { id: activity });
assert.ok(node, 'an activity is not found by its id');
console.log(`Relay read ${list.total} incidents of ${name} in pages of ${PAGE}, and ${activity} by its id`);
