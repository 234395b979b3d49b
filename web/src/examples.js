// The operations GraphiQL opens with, one tab each; a tab takes its title from the operation's name.

const buildings = `# Buildings, their zones,
# and what is open in them.
query Buildings {
  buildings(first: 20) {
    nodes {
      name
      address
      zones(first: 10) {
        nodes { name status level { name } }
      }
      incidents(
        first: 5
        filter: { isOpen: { eq: true } }
      ) {
        totalCount
        nodes {
          name
          priority
          state
          reportedAt
          zone { name }
        }
      }
    }
  }
}
`;

const highIncidents = `# Open incidents of high priority,
# the one due first on top.
query OpenHighIncidents {
  incidents(
    first: 20
    filter: {
      priority: { eq: HIGH }
      isOpen: { eq: true }
    }
    orderBy: [
      { field: DUE_AT, direction: ASC }
    ]
  ) {
    nodes {
      id
      name
      state
      priority
      reportedAt
      dueAt
      building { name }
      zone { name }
    }
  }
}
`;

const task = `# The task whose status moved last,
# and all that happened to it.
# For one of your choice, ask
#   task(by: { tenant: "…"
#              identifier: "…" }) { … }
query TaskTimeline {
  tasks(
    first: 1
    filter: { statusAt: { isNull: false } }
    orderBy: [
      { field: STATUS_AT, direction: DESC }
    ]
  ) {
    nodes {
      reference
      description
      status
      statusAt
      building { name }
      timeline(first: 50) {
        nodes {
          kind
          occurredAt
          changes { field from to }
        }
      }
    }
  }
}
`;

const feed = `# What happened, in the order in which
# it was recorded. To read on, put the
# last cursor into "after" (Variables).
query Activities($after: String) {
  activities(first: 20, after: $after) {
    nodes {
      cursor
      kind
      occurredAt
      building { name }
      incident { name }
      task { reference }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

const live = `# The same feed, live: press play and
# let something happen. With a cursor in
# "after" it first repeats what you missed.
subscription Activity($after: String) {
  activity(after: $after) {
    cursor
    activity {
      kind
      occurredAt
      building { name }
      incident { name state }
      task { reference status }
    }
  }
}
`;

export const examples = [
  { query: buildings },
  { query: highIncidents },
  { query: task },
  { query: feed, variables: json({ after: null }) },
  { query: live, variables: json({ after: null }) },
];

function json(variables) {
  return JSON.stringify(variables, null, 2);
}
