// What Relay's compiler is given; nothing imports this file. A list that grows by pages, of a thing that Relay fetches
// again by its global id, and the live feed with its interface.
import { graphql } from 'relay-runtime';

graphql`
  query operationsBuildingsQuery($count: Int!) {
    buildings(first: 20) {
      nodes {
        id
        name
        ...operations_incidents @arguments(count: $count)
      }
    }
  }
`;

graphql`
  fragment operations_incidents on Building
  @refetchable(queryName: "operationsIncidentsQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    name
    incidents(first: $count, after: $cursor, orderBy: [{ field: REPORTED_AT, direction: DESC }])
      @connection(key: "operations_incidents", filters: []) {
      totalCount
      edges {
        node {
          id
          name
          timeline(first: 3) {
            nodes {
              __typename
              ...operations_activity
            }
          }
        }
      }
    }
  }
`;

graphql`
  fragment operations_activity on Activity @refetchable(queryName: "operationsActivityQuery") {
    kind
    occurredAt
    changes { field from to }
    ... on StatusChanged { task { reference status } }
  }
`;

graphql`
  subscription operationsActivitySubscription($after: String) {
    activity(after: $after) {
      cursor
      activity {
        id
        ...operations_activity
      }
    }
  }
`;
