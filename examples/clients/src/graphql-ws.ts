// graphql-ws: https://the-guild.dev/graphql/ws
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import {
  BOARD, BUILDINGS, FEED, pause, socketOf,
  type BoardOf, type Buildings, type Example, type Feed, type Sink, type Token,
} from './example.js';

export function connect(server: URL, token: Token): Example {
  const client = createClient({
    url: socketOf(server),
    webSocketImpl: WebSocket, // browsers and Node.js 22 have their own
    connectionParams: () => ({ authorization: `Bearer ${token()}` }), // asked again after 4403
    retryAttempts: Infinity,
    shouldRetry: () => true, // by default only a closed socket is tried again, not one that nobody answers
    retryWait: pause,
  });

  function subscribe<Data>(query: string, variables: Record<string, unknown>, sink: Sink<Data>): () => void {
    return client.subscribe<Data>(
      { query, variables },
      {
        next: ({ data, errors }) => (data ? sink.next(data) : sink.error(errors)),
        error: sink.error,
        complete: () => {},
      },
    );
  }

  return {
    async buildings() {
      for await (const { data, errors } of client.iterate<Buildings>({ query: BUILDINGS })) {
        if (data) return data.buildings.nodes;
        throw new AggregateError(errors ?? []);
      }
      throw new Error('no answer');
    },
    follow(after, sink) {
      // graphql-ws sends this very object again when it comes back: it holds the latest cursor at all times.
      const variables = { after };
      return subscribe<Feed>(FEED, variables, {
        next({ activity }) {
          sink.next(activity);
          variables.after = activity.cursor;
        },
        error: sink.error,
      });
    },
    board: (id, sink) =>
      subscribe<BoardOf>(BOARD, { id }, { next: (data) => sink.next(data.buildingBoard), error: sink.error }),
    close: () => void client.dispose(),
  };
}
