import type { CodegenConfig } from '@graphql-codegen/cli';

// Types of the operations in src/, from the committed contract: no server has to run for it.
const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: ['{src,test}/**/*.ts', '!src/generated/**'],
  generates: {
    './src/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        importExtension: '.js',
        strictScalars: true,
        scalars: { DateTime: 'string', Duration: 'string', JSON: 'unknown', Moment: 'string' },
        useTypeImports: true,
      },
    },
  },
};

export default config;
