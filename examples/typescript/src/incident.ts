// The open incidents, a page at a time to the end of the list.
import { ask } from './ask.js';
import { graphql } from './generated/gql.js';
import type { OpenIncidentsQuery } from './generated/graphql.js';

const OpenIncidents = graphql(`
  query OpenIncidents($first: Int!, $after: String) {
    incidents(
      first: $first
      after: $after
      filter: { isOpen: { eq: true } }
      orderBy: [{ field: REPORTED_AT, direction: DESC }]
    ) {
      edges {
        node {
          id
          name
          priority
          reportedAt
          dueAt
          building { name }
          zone { name }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

/** An open incident, as the list shows it. */
export type OpenIncident = OpenIncidentsQuery['incidents']['edges'][number]['node'];

/**
 * Every open incident, the latest reported first, asked for in pages of `pageSize` (at most 100). A cursor marks a place
 * between two incidents: what is reported while the list is read shifts nothing and shows nothing twice.
 */
export async function* openIncidents(server: URL, pageSize = 50): AsyncGenerator<OpenIncident, void> {
  let after: string | null = null;
  do {
    const { incidents }: OpenIncidentsQuery = await ask(server, OpenIncidents, { first: pageSize, after });
    for (const { node } of incidents.edges) yield node;
    after = incidents.pageInfo.hasNextPage ? incidents.pageInfo.endCursor : null;
  } while (after !== null);
}
