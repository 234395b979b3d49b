// Run at the root of the project: the schema against Relay's specifications (connections, edges, page info, arguments, node), each element described.
import graphql from '@graphql-eslint/eslint-plugin';

const schema = new URL('../../schema.graphql', import.meta.url).pathname;

export default [
  {
    files: ['schema.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules: Object.fromEntries(
      Object.entries({
        'relay-arguments': { includeBoth: true },
        'relay-connection-types': undefined,
        // Short, bounded lists such as `sensors` are plain lists, and each connection has `nodes` beside `edges`.
        'relay-edge-types': { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
        'relay-page-info': undefined,
        'require-description': {
          types: true,
          rootField: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          // The arguments of @skip, @include and @specifiedBy are the specification's.
          ignoredSelectors: ['DirectiveDefinition > InputValueDefinition'],
        },
        'description-style': { style: 'block' },
        'lone-schema-definition': undefined,
        'no-hashtag-description': undefined,
        'require-deprecation-reason': undefined,
        'unique-type-names': undefined,
        'naming-convention': {
          types: 'PascalCase',
          FieldDefinition: 'camelCase',
          InputValueDefinition: 'camelCase',
          Argument: 'camelCase',
          EnumValueDefinition: 'UPPER_CASE',
        },
      }).map(([rule, options]) => [`@graphql-eslint/${rule}`, options ? ['error', options] : 'error']),
    ),
  },
];
