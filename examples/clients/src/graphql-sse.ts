// graphql-sse, in its "distinct connections mode" (the default): https://the-guild.dev/graphql/sse
import { createClient } from 'graphql-sse';
import {
  BOARD, BUILDINGS, FEED, pause,
  type BoardOf, type Buildings, type Example, type Feed, type Sink, type Token,
} from './example.js';

export function connect(server: URL, token: Token): Example {
  const client = createClient({
    url: new URL('graphql/stream', server).href,
    headers: () => ({ authorization: `Bearer ${token()}` }), // asked again before each attempt, after a 401 too
    retryAttempts: Infinity,
    retry: pause,
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
      // graphql-sse sends this very object again when it comes back: it holds the latest cursor at all times.
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
    close: () => client.dispose(),
  };
}
