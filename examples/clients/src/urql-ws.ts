// urql with graphql-ws for subscriptions and HTTP for the rest:
// https://nearform.com/open-source/urql/docs/advanced/subscriptions
import { cacheExchange, Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import {
  BOARD, BUILDINGS, FEED, pause, socketOf,
  type BoardOf, type Buildings, type Example, type Feed, type Sink, type Token,
} from './example.js';

export function connect(server: URL, token: Token): Example {
  const socket = createClient({
    url: socketOf(server),
    webSocketImpl: WebSocket, // browsers and Node.js 22 have their own
    connectionParams: () => ({ authorization: `Bearer ${token()}` }), // asked again after 4403
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: pause,
  });
  const client = new Client({
    url: new URL('graphql', server).href,
    fetchOptions: () => ({ headers: { authorization: `Bearer ${token()}` } }),
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription(request) {
          const input = { ...request, query: request.query ?? '' };
          return {
            subscribe: (sink) => ({ unsubscribe: socket.subscribe(input, sink) }),
          };
        },
      }),
    ],
  });

  function subscribe<Data, Variables extends object>(query: string, variables: Variables, sink: Sink<Data>): () => void {
    const subscription = client.subscription<Data, Variables>(query, variables).subscribe(({ data, error, hasNext }) => {
      if (error) sink.error(error);
      else if (data && hasNext) sink.next(data); // the end is told with the last result once more
    });
    return () => subscription.unsubscribe();
  }

  return {
    async buildings() {
      const { data, error } = await client.query<Buildings>(BUILDINGS, {});
      if (!data) throw error ?? new Error('no data');
      return data.buildings.nodes.map(({ id, name }) => ({ id, name }));
    },
    follow(after, sink) {
      // urql hands this very object on, and graphql-ws sends it again when it comes back: it holds the latest cursor.
      const variables = { after };
      return subscribe<Feed, typeof variables>(FEED, variables, {
        next({ activity }) {
          sink.next(activity);
          variables.after = activity.cursor;
        },
        error: sink.error,
      });
    },
    board: (id, sink) =>
      subscribe<BoardOf, { id: string }>(BOARD, { id }, {
        next: (data) => sink.next(data.buildingBoard),
        error: sink.error,
      }),
    close: () => void socket.dispose(),
  };
}
