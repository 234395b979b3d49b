// What Apollo Client is given besides its own links: https://www.apollographql.com/docs/react/api/link/introduction
import { ApolloLink, CombinedGraphQLErrors } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { tap } from 'rxjs';
import type { Token } from './example.js';

/**
 * Moves the cursor of a feed on as its results pass by, so that the links after this one send the latest when they come
 * back. Stands before the link that connects.
 */
export function resume(): ApolloLink {
  return new ApolloLink((operation, forward) =>
    forward(operation).pipe(
      tap(({ data }) => {
        const cursor: unknown = data?.['activity']?.cursor;
        if (typeof cursor === 'string') operation.variables['after'] = cursor;
      }),
    ),
  );
}

/** Sends the token along; once more when it was refused, as it is then. */
export function authorize(token: Token): ApolloLink {
  const refused = new ErrorLink(({ error, operation, forward }) =>
    CombinedGraphQLErrors.is(error) && error.errors.some((one) => one.extensions?.['code'] === 'UNAUTHENTICATED')
      ? forward(operation)
      : undefined,
  );
  const header = new SetContextLink(({ headers }) => ({
    headers: { ...headers, authorization: `Bearer ${token()}` },
  }));
  return ApolloLink.from([refused, header]);
}
