// Apollo Client over any link: https://www.apollographql.com/docs/react
import { ApolloClient, gql, InMemoryCache, type ApolloLink } from '@apollo/client';
import {
  BOARD, BUILDINGS, FEED,
  type BoardOf, type Buildings, type Example, type Feed, type Sink,
} from './example.js';

export function over(link: ApolloLink, close: () => void): Example {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });

  function subscribe<Data>(query: string, variables: Record<string, unknown>, sink: Sink<Data>): () => void {
    const subscription = client
      .subscribe<Data>({ query: gql(query), variables, fetchPolicy: 'no-cache' })
      .subscribe({
        next: ({ data, error }) => (data ? sink.next(data) : sink.error(error)),
        error: sink.error,
      });
    return () => subscription.unsubscribe();
  }

  return {
    async buildings() {
      const { data } = await client.query<Buildings>({ query: gql(BUILDINGS) });
      if (!data) throw new Error('no data');
      return data.buildings.nodes.map(({ id, name }) => ({ id, name }));
    },
    follow: (after, sink) =>
      subscribe<Feed>(FEED, { after }, { next: ({ activity }) => sink.next(activity), error: sink.error }),
    board: (id, sink) =>
      subscribe<BoardOf>(BOARD, { id }, { next: (data) => sink.next(data.buildingBoard), error: sink.error }),
    close() {
      client.stop();
      close();
    },
  };
}
